"""A project's repository, and both Git hosts on this machine."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.core.artifacts.target import HostKind, Publication, Target
from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.interface import GitHost, Secret
from hishamos_pipeline.delivery.hosts.opening import open_host
from hishamos_pipeline.delivery.messages import Told
from hishamos_pipeline.delivery.publish_job import PublishJob, PublishRequest
from hishamos_pipeline.delivery.publishing import publish
from hishamos_pipeline.settings import GitHostSettings, Settings
from tests.fakes.git_hosts import GitHosts, Host, Repo, git_hosts

TOKEN = "tok-0123456789abcdef-0123456789"
_GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run git and return what it prints."""
    done = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments],
        cwd=folder, env={**_GIT, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Project:
    """A project's repository with its record, and where it is published."""

    folder: Path
    host: GitHost
    double: Host
    target: Target
    key: str = "notes"
    record: Publication = field(default_factory=lambda: Publication(wanted=True))
    secrets: dict[str, Secret] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)
    job: PublishJob | None = None
    retries: int = 4
    push_seconds: int = 20
    owners: tuple[str, ...] = ("*",)

    def commit(self, message: str = "feat: more", **files: str) -> str:
        """Commit files, named like keyword arguments."""
        for name, text in (files or {"notes": message}).items():
            (self.folder / f"{name}.txt").write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", message)
        return self.head

    @property
    def head(self) -> str:
        """The newest commit."""
        return git(self.folder, "rev-parse", "HEAD")

    @property
    def retry_policy(self) -> RetryPolicy:
        """Waits in no time, and remembers how long it would have been."""
        return RetryPolicy(self.retries, 60, self.slept.append)

    def publish(self, *, dry: bool = False, **target: Any) -> Publication:
        """Publish the newest commit, as a new process would."""
        if target:
            self.target = Target.model_validate({**self.target.model_dump(), **target})
        order = PublishRequest(
            key=self.key,
            repository=self.folder,
            commit=self.head,
            target=self.target,
            secrets=self.secrets,
            told=Told("Notes", (("US-001", "Add a note"),), (("tests", "12 tests"),)),
            owners=self.owners,
            push_seconds=self.push_seconds,
        )
        self.job = PublishJob(
            self.host,
            order,
            self.record,
            save_record=self._keep,
            now=lambda: datetime.now(UTC),
            retries=self.retry_policy,
            dry=dry,
        )
        return publish(self.job)

    def _keep(self, record: Publication) -> None:
        self.record = Publication.model_validate_json(record.model_dump_json())

    @property
    def remote(self) -> Repo:
        """What the host has."""
        return self.double.repositories[f"ada/{self.target.name or self.key}".lower()]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[GitHosts]:
    """GitHub and GitLab on one port, with a token of Ada's."""
    with git_hosts(tmp_path / "hosts") as made:
        made.github.add_token(TOKEN, "ada")
        made.gitlab.add_token(TOKEN, "ada")
        yield made


@pytest.fixture(params=["github", "gitlab"])
def project(request: pytest.FixtureRequest, hosts: GitHosts, tmp_path: Path) -> Project:
    """A project with one commit, for each of the hosts."""
    return make_project(hosts, tmp_path / "project", request.param)


def make_project(
    hosts: GitHosts, folder: Path, kind: HostKind, *, token: str = TOKEN, **settings: Any
) -> Project:
    """A project with one commit on one of the hosts."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    double = hosts.github if kind == "github" else hosts.gitlab
    project = Project(folder, opened(hosts, kind, token, **settings), double, Target())
    project.host.connection = replace(project.host.connection, retries=project.retry_policy)
    project.commit("chore: set up the project")
    return project


def opened(hosts: GitHosts, kind: HostKind, token: str = TOKEN, **changed: Any) -> GitHost:
    """The real client of a host."""
    given = GitHostSettings(kind=kind, url=hosts.url, token="THE_TOKEN", ca=hosts.ca).model_copy(
        update=changed
    )
    settings = Settings(git_hosts={kind: given}, host_write_seconds=0, host_timeout_seconds=5)
    return open_host(kind, settings, lambda _: token, RetryPolicy(sleep=lambda _: None))


def clone(project: Project, hosts: GitHosts, target: Path) -> Path:
    """What a person gets who clones the published repository."""
    user = project.host.git_user
    url = project.record.clone_url.replace("https://", f"https://{user}:{TOKEN}@")
    git(target.parent, "clone", "--quiet", url, str(target), GIT_SSL_CAINFO=str(hosts.ca))
    return target
