"""What a host knows: tokens, accounts, repositories. Code lives in bare repositories, the rest in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

from tests.fakes.git_hosts.hooks import Refusal, refusal
from tests.fakes.git_hosts.plumbing import Bare

# GitLab's numbers; GitHub's names for them are pull, push, maintain and admin.
NOTHING, READ, WRITE, MAINTAIN, OWN = 0, 20, 30, 40, 50


@dataclass(frozen=True)
class Token:
    """What a client shows; ``state`` is valid, expired, revoked, sso or read_only."""

    value: str
    login: str
    scopes: tuple[str, ...]
    state: str = "valid"
    fine_grained: bool = False


@dataclass
class Account:
    """A user, or an organisation or group with members."""

    id: int
    login: str
    is_user: bool
    members: tuple[str, ...] = ()
    teams: set[str] = field(default_factory=set)
    visibility: str = "public"

    @property
    def name(self) -> str:
        """The last part of a group's path."""
        return self.login.rpartition("/")[2]


@dataclass
class Pull:
    """A pull or merge request."""

    number: int
    title: str
    body: str
    head: str
    base: str
    author: str
    sha: str
    state: str = "open"
    merge_sha: str | None = None
    draft: bool = False
    drop_branch: bool = False
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Comment(str):
    """A comment, and who has written it."""

    def __new__(cls, text: str, author: str) -> "Comment":
        made = super().__new__(cls, text)
        made.author = author
        return made

    author: str


@dataclass
class Issue:
    """An issue with its comments; GitHub lists pull requests among them. One that is locked takes no comment."""

    number: int
    title: str
    body: str = ""
    labels: list[str] = field(default_factory=list)
    author: str = "ada"
    state: str = "open"
    is_pull: bool = False
    locked: bool = False
    comments: list[Comment] = field(default_factory=list)


@dataclass
class Release:
    """A release of a tag."""

    id: int
    tag: str
    name: str
    body: str
    draft: bool = False
    prerelease: bool = False
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Repo:
    """A repository; ``settings`` are the fields of a host's REST answer that nothing else here knows."""

    id: int
    full_name: str
    bare: Bare
    visibility: str = "private"
    title: str = ""
    description: str | None = None
    homepage: str | None = None
    topics: list[str] = field(default_factory=list)
    default_branch: str = "main"
    archived: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    protection: dict[str, dict[str, Any]] = field(default_factory=dict)
    collaborators: dict[str, int] = field(default_factory=dict)
    invitations: dict[str, int] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    pushed_at: datetime | None = None
    hidden: int = 0
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    @property
    def path(self) -> Path:
        """The bare repository on disk."""
        return self.bare.path

    @property
    def owner(self) -> str:
        """The account or group."""
        return self.full_name.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the full name."""
        return self.full_name.rpartition("/")[2]

    @property
    def private(self) -> bool:
        """Whether not everybody sees it."""
        return self.visibility != "public"

    @property
    def branches(self) -> dict[str, str]:
        """Shas by branch."""
        return self.bare.refs("heads")

    @property
    def empty(self) -> bool:
        """Whether nothing was pushed yet."""
        return not self.branches

    @property
    def forced(self) -> list[tuple[str, str, str]]:
        """Attempts to lose commits by a push: ref, old and new sha."""
        return self.bare.forced()

    def is_hidden(self) -> bool:
        """Whether a new repository is not to be seen yet; each question brings it nearer."""
        was, self.hidden = self.hidden, max(0, self.hidden - 1)
        return was > 0

    def add_issue(
        self, title: str, body: str = "", *labels: str, is_pull: bool = False, author: str = "ada"
    ) -> Issue:
        """Somebody opens an issue."""
        made = Issue(len(self.issues) + 1, title, body, list(labels), author, is_pull=is_pull)
        self.issues[made.number] = made
        return made

    def open_pull(self, head: str, base: str) -> Pull | None:
        """The open pull request from one branch to another."""
        wanted = (head, base, "open")
        return next((one for one in self.pulls.values() if (one.head, one.base, one.state) == wanted), None)


class Host:
    """The state of one host, and what somebody else may do on it."""

    def __init__(self, name: str, folder: Path, hooks: Path) -> None:
        self.name = name
        self.tokens: dict[str, Token] = {}
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repo] = {}
        self.moved: dict[str, int] = {}
        self.hooks: list[Refusal] = []
        self.reserved: set[str] = set()
        self.quota: int | None = None
        self.visible_after = 0
        self.plan_protects = True
        self.premium = False
        self.next_id = count(1001).__next__
        self._folder = folder
        self._hooks = hooks

    def add_token(
        self,
        token: str,
        login: str = "ada",
        *,
        scopes: tuple[str, ...] | None = None,
        state: str = "valid",
        fine_grained: bool = False,
    ) -> None:
        """Let somebody in; the user is made when there is none of that name."""
        self.add_user(login)
        given = scopes if scopes is not None else ("repo", "workflow") if self.name == "github" else ("api",)
        self.tokens[token] = Token(token, login, given, state, fine_grained)

    def add_user(self, login: str) -> Account:
        """A user."""
        return self.accounts.setdefault(login.lower(), Account(self.next_id(), login, True))

    def add_org(self, login: str, *members: str, visibility: str = "public") -> Account:
        """An organisation, or a group with the groups above it; only members (and those of groups above) get in."""
        parent = login.rpartition("/")[0]
        if parent and parent.lower() not in self.accounts:
            self.add_org(parent, *members, visibility=visibility)
        account = Account(self.next_id(), login, False, members, visibility=visibility)
        self.accounts[login.lower()] = account
        return account

    add_group = add_org

    def add_team(self, org: str, slug: str) -> None:
        """A team of an organisation."""
        self.accounts[org.lower()].teams.add(slug)

    def create(
        self, full_name: str, *, visibility: str = "private", files: Mapping[str, str] | None = None
    ) -> Repo:
        """A repository that somebody else made, with a commit when files are given."""
        repo = self.add_repository(full_name, visibility=visibility)
        if files:
            self.commit_files(repo, files, "First commit")
        return repo

    def add_repository(self, full_name: str, **fields: Any) -> Repo:
        """Make an empty repository."""
        number = self.next_id()
        branch = fields.get("default_branch", "main")
        repo = Repo(number, full_name, Bare(self._folder / f"{number}.git", self._hooks, branch), **fields)
        self.repositories[full_name.lower()] = repo
        self.moved.pop(full_name.lower(), None)
        return repo

    def rename(self, full_name: str, new_name: str) -> Repo:
        """Rename a repository; the old name redirects."""
        repo = self.repositories.pop(full_name.lower())
        self.moved[full_name.lower()] = repo.id
        repo.full_name = f"{repo.owner}/{new_name}"
        self.repositories[repo.full_name.lower()] = repo
        return repo

    def delete(self, repo: Repo) -> None:
        """Forget a repository."""
        del self.repositories[repo.full_name.lower()]

    def commit(
        self, full_name: str, path: str, text: str, branch: str | None = None, message: str = "A change"
    ) -> str:
        """Somebody commits a file on the host; the sha."""
        return self.commit_files(self.repositories[full_name.lower()], {path: text}, message, branch)

    def commit_files(
        self, repo: Repo, files: Mapping[str, str], message: str, branch: str | None = None
    ) -> str:
        """Commit files on the host; the sha."""
        sha = repo.bare.commit(branch or repo.default_branch, files, message)
        self.settle(repo)
        return sha

    def merge_pull(
        self, full_name: str, number: int, method: str = "merge", *, delete_branch: bool = False
    ) -> str:
        """Somebody merges a pull or merge request; the sha that came of it."""
        repo = self.repositories[full_name.lower()]
        pull = repo.pulls[number]
        message = f"{pull.title} (#{number})" if method == "squash" else f"Merge #{number} from {pull.head}"
        pull.sha = repo.branches[pull.head]
        pull.merge_sha = repo.bare.merge(pull.base, pull.head, message, squash=method == "squash")
        pull.state = "merged"
        if delete_branch or pull.drop_branch or repo.settings.get("delete_branch_on_merge"):
            repo.bare.drop_ref(f"refs/heads/{pull.head}")
        return pull.merge_sha

    def refuse_push(self, kind: str, *lines: str) -> None:
        """Refuse every push from now on; ``hooks.clear()`` lets them in again.

        A kind is ``workflow_scope``, ``GH001``, ``GH013`` or ``protected``; with lines, any name will do.
        """
        self.hooks.append(refusal(f"{self.name}_{kind}" if kind == "protected" else kind, lines))

    def settle(self, repo: Repo) -> None:
        """What a host does after a push: the first branch becomes the default, and GitLab protects it."""
        branches = repo.branches
        if not branches:
            return
        first, repo.pushed_at = repo.pushed_at is None, datetime.now(UTC)
        if repo.default_branch not in branches:
            self.set_default(repo, min(branches, key=lambda name: (name not in ("main", "master"), name)))
        if first and self.name == "gitlab":
            repo.protection[repo.default_branch] = {"push": MAINTAIN, "merge": MAINTAIN}

    def set_default(self, repo: Repo, branch: str) -> None:
        """Make a branch the default one."""
        repo.default_branch = branch
        repo.bare.set_head(branch)

    def account_by_id(self, number: int) -> Account | None:
        """A user or group by its number."""
        return next((one for one in self.accounts.values() if one.id == number), None)

    def by_id(self, number: int) -> Repo | None:
        """A repository by its number."""
        return next((one for one in self.repositories.values() if one.id == number), None)

    def is_member(self, login: str, owner: str) -> bool:
        """Whether somebody is the owner, or belongs to it or to a group above it."""
        levels = owner.lower().split("/")
        above = ("/".join(levels[:end]) for end in range(1, len(levels) + 1))
        return login.lower() == owner.lower() or any(
            login in self.accounts[path].members for path in above if path in self.accounts
        )

    def level(self, login: str, repo: Repo) -> int:
        """What somebody may do with a repository."""
        if self.is_member(login, repo.owner):
            return OWN
        return max(repo.collaborators.get(login, NOTHING), NOTHING if repo.private else READ)
