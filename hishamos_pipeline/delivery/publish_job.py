"""One publication at work: what is to be published where, how far it is, and what has been done."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from hishamos_pipeline.core.artifacts.target import Publication, Target
from hishamos_pipeline.delivery import remote_git
from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.interface import GitHost, Remote, Secret
from hishamos_pipeline.delivery.messages import Told
from hishamos_pipeline.delivery.remote_git import RemoteAccess, RemoteGit

T = TypeVar("T")


@dataclass(frozen=True)
class PublishRequest:
    """What is to be published, and where.

    Args:
        key: the project.
        repository: its repository.
        commit: the commit to publish.
        target: what was asked for, with the operator's defaults.
        secrets: values for the target's secrets.
        told: what descriptions and notes tell.
        owners: patterns of the owners that may be published to.
        push_seconds: the longest that git may take for one command.
    """

    key: str
    repository: Path
    commit: str
    target: Target
    secrets: Mapping[str, Secret]
    told: Told
    owners: tuple[str, ...] = ("*",)
    push_seconds: int = 600


@dataclass
class PublishJob:
    """A publication at work.

    Args:
        host: the host, with its token.
        order: what to publish.
        record: how far an earlier try has come.
        save_record: keeps the record; called after every step that must not be done twice.
        now: tells the time.
        retries: how long and how often hosts are tried.
        dry: look, and change nothing.

    Attributes:
        steps: what was done, or in a dry run would be.
        warnings: what did not work, or what people should know.
        changed: whether anything was changed on the host.
        fresh: whether the repository has been created just now, and is empty.
    """

    host: GitHost
    order: PublishRequest
    record: Publication
    save_record: Callable[[Publication], None]
    now: Callable[[], datetime]
    retries: RetryPolicy
    dry: bool = False
    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changed: bool = False
    fresh: bool = False

    def step(self, text: str, work: Callable[[], T]) -> T | None:
        """Change something on the host; in a dry run, only say so."""
        self.steps.append(text)
        if self.dry:
            return None
        result = work()
        self.changed = True
        return result

    def warn(self, text: str) -> None:
        """Keep something that people should know."""
        self.warnings.append(text)

    def save(self, **facts: object) -> None:
        """Record how far it is."""
        self.record = self.record.model_copy(update=facts)
        if not self.dry:
            self.save_record(self.record)

    def keep(self, found: Remote, *, created: bool, adopted: bool) -> Remote:
        """Record which repository it is."""
        self.save(
            repository_id=found.id,
            full_name=found.full_name,
            web_url=found.web_url,
            clone_url=found.clone_url,
            created=created,
            adopted=adopted,
        )
        return found

    def git(self, remote: Remote) -> AbstractContextManager[RemoteGit]:
        """The project's repository and the one on the host, side by side."""
        return remote_git.opened(self.order.repository, self.access(remote.clone_url))

    def access(self, clone_url: str) -> RemoteAccess:
        """What git needs to reach a repository of the host."""
        return RemoteAccess(self.host.connection, clone_url, self.host.git_user, self.order.push_seconds)
