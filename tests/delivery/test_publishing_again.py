"""Whatever fails in whatever order: a later run ends with one repository, all commits there, and a true record."""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hishamos_pipeline.errors import HostError
from tests.delivery.conftest import TOKEN, Project, git, make_project
from tests.fakes.git_hosts import git_hosts

_PATHS = (
    r"/user$", r"/users/|/namespaces/", r"notes$", r"/user/repos$|/projects$", r"/repositories/|/projects/\d+$",
    r"info/refs$", r"git-receive-pack$", r"topics$|/projects/\d+$", r"variables", r"pulls|merge_requests",
)  # fmt: skip
_FAULTS = (
    {"kind": "reset"},
    {"kind": "half_body"},
    {"kind": "html"},
    {"kind": "status", "status": 500, "body": "no"},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "9999"}},
    {"kind": "status", "status": 403, "body": {"message": "Forbidden"}},
    {"kind": "done_then", "status": 502},
    {"kind": "done_then"},
)


class PublishJob(RuleBasedStateMachine):
    """One project, published again and again while its host fails, its process dies and people commit."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="publishing-"))
        self.hosts = self.stack.enter_context(git_hosts(self.folder / "hosts"))
        self.theirs: list[str] = []

    @initialize(kind=st.sampled_from(["github", "gitlab"]), how=st.sampled_from(["push", "pull_request"]))
    def begin(self, kind: str, how: str) -> None:
        for host in (self.hosts.github, self.hosts.gitlab):
            host.add_token(TOKEN, "ada")
        self.project: Project = make_project(self.hosts, self.folder / "project", kind)  # type: ignore[arg-type]
        self.target = {"publish": how, "topics": ["notes"], "variables": {"REGION": "eu"}}

    @rule(
        path=st.sampled_from(_PATHS),
        fault=st.sampled_from(_FAULTS),
        times=st.integers(1, 12),
        skip=st.integers(0, 2),
        method=st.sampled_from(["GET", "POST", None]),
    )
    def fail(self, path: str, fault: dict[str, object], times: int, skip: int, method: str | None) -> None:
        self.hosts.faults.add(method, path, times=times, skip=skip, **fault)  # type: ignore[arg-type]

    @rule()
    def commit(self) -> None:
        self.project.commit(f"feat: change {len(self.theirs)}", more=self.project.head)

    @rule()
    def somebody_commits(self) -> None:
        if "ada/notes" in self.project.double.repositories and not self.project.remote.empty:
            self.theirs.append(self.project.double.commit("ada/notes", "people.txt", str(len(self.theirs))))

    @rule()
    def publish(self) -> None:
        try:
            self.project.publish(**self.target)
        except HostError as error:
            assert TOKEN not in str(error)

    @rule()
    def publish_in_peace(self) -> None:
        self.hosts.faults.clear()
        done = self.project.publish(**self.target)
        remote = self.project.remote
        assert list(self.project.double.repositories) == ["ada/notes"] and done.repository_id == remote.id
        heads = remote.branches
        assert done.commit == self.project.head and done.branch in heads
        assert self._contains(heads[done.branch], self.project.head) or self._same_files(heads["main"])
        assert (
            remote.topics == ["notes"]
            and "REGION" in remote.variables
            and all("lacks" in text for text in done.warnings)
        )
        self.hosts.forget()
        assert self.project.publish(**self.target).done == "unchanged" and self.hosts.writes() == []

    @invariant()
    def nothing_is_lost(self) -> None:
        repositories = self.project.double.repositories
        assert len(repositories) <= 1
        for repo in repositories.values():
            assert repo.forced == []
            assert all(self._contains(repo.branches["main"], commit) for commit in self.theirs)

    def _contains(self, head: str, commit: str) -> bool:
        return commit in git(self.project.remote.path, "rev-list", head).split()

    def _same_files(self, head: str) -> bool:
        return git(self.project.remote.path, "rev-parse", f"{head}^{{tree}}") == git(
            self.project.folder, "rev-parse", "HEAD^{tree}"
        )

    def teardown(self) -> None:
        self.hosts.faults.clear()
        self.stack.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_publishing_survives_any_sequence_of_faults() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        PublishJob,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
