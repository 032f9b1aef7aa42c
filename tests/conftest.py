"""What all tests share: no real provider, no network beyond this machine, a home of their own."""

import os
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock

from hishamos_pipeline.blueprints.engine import BlueprintEngine
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.generation.context import StepServices
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.sandbox.bubblewrap import Bubblewrap
from hishamos_pipeline.sandbox.choice import open_sandbox
from hishamos_pipeline.settings import Settings, get_settings
from hishamos_pipeline.stacks.python import formatting
from hishamos_pipeline.store.database import open_engine, upgrade
from hishamos_pipeline.store.store import ProjectStore, open_store
from hishamos_pipeline.toolchains.python import PythonToolchains
from tests.fakes.clock import FixedClock
from tests.fakes.index import FakeIndex, package_index
from tests.fakes.postgres import PostgresServer, postgres_server
from tests.support.built import BuiltProject, build_once
from tests.support.outcomes import remembering, remembering_texts

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "ideas"
_RUN = Bubblewrap.run
_FORMAT = remembering_texts(formatting._ruff)
_LOCAL = ("127.0.0.1", "::1", "localhost")
_SECRETS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GITHUB_TOKEN", "GITLAB_TOKEN")

# Machines that do other work beside are slow now and then: time is measured in ``benchmarks/`` alone.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

# What starts a server, runs a project in the sandbox, or builds one.
_SLOW_FIXTURES = {
    "postgres", "instance", "live", "notes", "built_notes", "recorded", "hosts", "index", "sandbox", "site",
    "fake", "server", "toolchains",
}  # fmt: skip
_AT_NIGHT = {
    "test_many_failures_are_taken_in_page_by_page[postgresql]",
    "test_many_issues_take_several_ticks[github]",
    "test_a_rebuild_that_breaks_off_pays_for_nothing_twice[12]",
    "test_interrupted_inside_verification",
    # Three machines with their daemons, for minutes; the parts of it are tested by day.
    "test_work_moves_between_machines",
    "test_a_batch_is_rebuilt_by_the_daemon",
    "test_another_batch_asks_again",
    # Its twin for commands runs by day, and what other settings come to.
    "test_names_that_the_code_itself_uses_come_out_clean[python-api]",
    "test_every_operation_and_type_comes_out_clean[python-api-optional.md]",
    "test_every_operation_and_type_comes_out_clean[python-api-limits.md]",
    "test_a_login_in_a_setting_is_nowhere[index_url]",
} | {
    f"{name}[postgresql]"
    for name in (
        "test_stale_downstream_is_known_to_dagster_by_data_version", "test_a_brief_can_be_pasted_into_the_launchpad",
        "test_what_is_made_again_within_a_step_is_recorded", "test_a_thousand_decisions_at_once_are_one",
        "test_forms_are_filled_in", "test_forms_are_bounded_whatever_is_decided",
        "test_what_people_are_shown_is_pinned",
        "test_steps_of_paused_runs_are_not_taken", "test_nobody_decides_what_has_expired",
        "test_a_workflow_that_runs_itself_ends", "test_a_run_begins_no_more_runs_than_are_good_for_anybody",
        "test_a_long_address_excludes_its_owner_too", "test_a_workflow_that_there_is_not_fails_the_step",
    )
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever uses what takes seconds is slow; of twins that take long, one runs by day and the other at night."""
    for item in items:
        if item.name in _AT_NIGHT:
            item.add_marker("nightly")
        if "postgresql" in item.name or _SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def no_real_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to any other machine is an error, and no key is in reach."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOCAL:
            raise AssertionError(f"a test tried to reach {address!r}: tests talk to this machine alone")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for name in _SECRETS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test session share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def toolchains_dir(session_folder: Path) -> Path:
    """What generated projects are tested with, made once for all tests."""
    return session_folder / "toolchains"


@pytest.fixture(autouse=True)
def remembered_outcomes(monkeypatch: pytest.MonkeyPatch, session_folder: Path) -> None:
    """A command that has run in the sandbox does not run again on the same tree; tests of running have it off."""
    monkeypatch.setattr(Bubblewrap, "run", remembering(_RUN, session_folder / "outcomes"))
    monkeypatch.setattr(formatting, "_ruff", _FORMAT)


@pytest.fixture(scope="session")
def empty_store(session_folder: Path) -> Path:
    """An SQLite store with this release's schema and nothing in it, made once; take a copy."""
    made = session_folder / "empty.db"
    with FileLock(session_folder / "empty.db.lock"):
        if not made.exists():
            engine = open_engine(f"sqlite:///{made}.new")
            upgrade(engine)
            engine.dispose()
            Path(f"{made}.new").rename(made)
    return made


@pytest.fixture(autouse=True)
def isolated_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toolchains_dir: Path
) -> Iterator[None]:
    """Settings, home folders and Git's configuration of whoever runs the tests do not matter."""
    for name in [name for name in os.environ if name.startswith(("HISHAMOS_", "DAGSTER_", "GIT_"))]:
        if name != "HISHAMOS_SCREENSHOTS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HISHAMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HISHAMOS_TOOLCHAINS", str(toolchains_dir))
    monkeypatch.setenv("HISHAMOS_INBOX_QUIET_SECONDS", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; a test that needs it fails where there is none, and says how to install it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def built_notes(session_folder: Path, toolchains_dir: Path) -> BuiltProject:
    """A project that was built by ``hishamos build``, once for all processes that tests run in; take a copy."""
    return build_once(session_folder, toolchains_dir)


@pytest.fixture
def database_url() -> str:
    """Where the store is; the folders of tests that run on both databases have a fixture of their own."""
    return ""


@pytest.fixture
def settings(
    tmp_path: Path, database_url: str, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings with a home under the test's own folder, and an empty store."""
    if database_url:
        monkeypatch.setenv("HISHAMOS_DATABASE_URL", database_url)
        engine = open_engine(database_url)
        upgrade(engine)
        engine.dispose()
    else:
        (tmp_path / "home").mkdir()
        shutil.copy(empty_store, tmp_path / "home" / "store.db")
    return Settings(home=tmp_path / "home", inbox_quiet_seconds=0, database_url=database_url)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still."""
    return FixedClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def store(settings: Settings, clock: FixedClock) -> Iterator[ProjectStore]:
    """An empty project store on SQLite."""
    opened = open_store(settings.store_url, clock)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIndex]:
    """An empty index; what this machine has configured for pip does not matter."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in [name for name in os.environ if name.startswith("PIP_") and name != "PIP_CONFIG_FILE"]:
        monkeypatch.delenv(name)
    with package_index() as made:
        yield made


@pytest.fixture
def notes_idea() -> Idea:
    """A small idea that builds in seconds."""
    return read_brief(
        b"# Notes\n\nKeep notes.\n\n## Features\n- User can add a note\n- User can list notes\n"
        b"- User can delete a note\n- Notes are recited by a parrot\n"
    )


@pytest.fixture
def library_idea() -> Idea:
    """The entity-rich example."""
    path = EXAMPLES / "lending-library.md"
    return read_brief(path.read_bytes(), path.name)


@pytest.fixture
def notes(store: ProjectStore, settings: Settings, notes_idea: Idea) -> ProjectRun:
    """The small project, submitted."""
    store.projects.submit(notes_idea, "test")
    return ProjectRun(
        StepServices(
            Project(notes_idea.key, store, settings),
            engine=BlueprintEngine(),
            sandbox=open_sandbox,
            toolchains=lambda: PythonToolchains(settings),
        )
    )
