"""What publishing asks of a Git host; ``github.py`` and ``gitlab.py`` answer it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hishamos_pipeline.core.artifacts.target import HostKind, Release, Target
from hishamos_pipeline.delivery.hosts.connection import Connection


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is, and what it may do; ``scopes`` is ``None`` where the host does not tell."""

    login: str
    scopes: frozenset[str] | None
    expires: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, an organization or a group; ``path`` is spelled as the host spells it."""

    path: str
    id: int
    is_user: bool


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on a host; ``deleted`` if it is only waiting for its end."""

    id: int
    full_name: str
    web_url: str
    clone_url: str
    visibility: str
    default_branch: str
    created_at: datetime
    archived: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull or merge request."""

    number: int
    url: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that a host is to keep, and what tells a newer value from it without giving it away."""

    value: str = field(repr=False)
    version: str


@dataclass(frozen=True, slots=True)
class Setting:
    """Something to be set on a repository: what it should be, as JSON, and how it is made so.

    ``wanted`` is ``None`` for what was seen to be otherwise on the host, and is set whatever was done before.
    """

    name: str
    wanted: object
    apply: Callable[[], None]


class GitHost(Protocol):
    """A Git host with a token. Every method raises ``HostError`` with the cause and what to do."""

    connection: Connection
    kind: HostKind
    git_user: str

    def account(self) -> Account:
        """Whose token it is; a request that fails tells what is wrong with it."""
        ...

    def require_scopes(self, account: Account, *, with_workflows: bool) -> None:
        """Make sure that the token may create and push; ``with_workflows`` if the tree holds GitHub's CI files."""
        ...

    def owner(self, path: str) -> Owner:
        """Look up a user, an organization or a group."""
        ...

    def find(self, full_name: str) -> Remote | None:
        """The repository of that very name, ``None`` if the token sees none."""
        ...

    def find_by_id(self, number: int) -> Remote | None:
        """The repository with that number, whatever it is called now."""
        ...

    def create(self, owner: Owner, name: str, target: Target) -> Remote:
        """Create an empty repository; tried once, since a lost answer does not mean that nothing was made."""
        ...

    def set_default_branch(self, remote: Remote, branch: str) -> None:
        """Make a branch that has been pushed the default one."""
        ...

    def settings(self, remote: Remote, target: Target, secrets: Mapping[str, Secret]) -> Iterator[Setting]:
        """Everything else that the target asks for, one by one."""
        ...

    def unknown(self, target: Target) -> list[str]:
        """What the target asks for that this kind of host does not have."""
        ...

    def open_change(self, remote: Remote, branch: str) -> PullRequest | None:
        """The open pull or merge request from a branch to the default branch."""
        ...

    def propose(self, remote: Remote, branch: str, title: str, body: str) -> PullRequest:
        """Open a pull or merge request from a branch to the default branch."""
        ...

    def revise(self, remote: Remote, change: PullRequest, title: str, body: str) -> None:
        """Give an open pull or merge request another title and description."""
        ...

    def release(self, remote: Remote, release: Release, notes: str) -> str:
        """Make a release of a tag that is there, unless it is made; its URL."""
        ...
