"""The project store on a real SQLite database."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from hishamos_pipeline.core.artifacts.documents import Sprint, SprintPlan, Stories, TreeFile
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import (
    ArtifactMissingError,
    ProjectKeyError,
    ProjectNotFoundError,
    StorageError,
    StoreVersionError,
)
from hishamos_pipeline.store import database
from hishamos_pipeline.store.artifacts.repository import Provenance
from hishamos_pipeline.store.backlog.tables import StoryRow
from hishamos_pipeline.store.base import Base
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.store import ProjectStore, open_store
from hishamos_pipeline.store.units.repository import MadeUnit
from tests.fakes.clock import FixedClock
from tests.support.ideas import IDEA

PRODUCER = Provenance(inputs={}, code_version="v1", role="pipeline", engine="test")


def test_a_changed_idea_is_a_new_revision(store: ProjectStore) -> None:
    first = store.projects.submit(IDEA, "a")
    same = store.projects.submit(IDEA, "b")
    changed = store.projects.submit(IDEA.model_copy(update={"vision": "more"}), "c")
    assert [(s.revision, s.changed) for s in (first, same, changed)] == [(1, True), (1, False), (2, True)]
    assert store.projects.idea("notes").vision == "more"
    assert store.projects.idea_revision("notes", 1).source == "a"


def requested(store: ProjectStore, limit: int) -> list[tuple[str, int]]:
    return [(request.project, request.revision) for request in store.builds.requested(limit)]


def test_a_submitted_idea_is_a_requested_build_until_one_has_begun(store: ProjectStore) -> None:
    for key in ("a", "b", "c"):
        store.projects.submit(Idea(key=key, title=key), "t")
    store.projects.set_state("b", "building")
    assert requested(store, 10) == [("a", 1), ("c", 1)]
    assert requested(store, 1) == [("a", 1)]
    store.projects.submit(Idea(key="b", title="new"), "t")
    assert ("b", 2) in requested(store, 10)


def test_unknown_projects_and_bad_keys(store: ProjectStore) -> None:
    with pytest.raises(ProjectNotFoundError, match="'nope'"):
        store.projects.get("nope")
    with pytest.raises(ProjectKeyError):
        store.projects.submit(Idea(key="../x", title="t"), "t")
    assert store.projects.all() == []


def test_states_are_constrained(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    with pytest.raises(IntegrityError):
        store.projects.set_state("notes", "levitating")


def test_artifacts_are_appended_never_overwritten(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    one = store.artifacts.write("notes", "idea", IDEA, PRODUCER)
    again = store.artifacts.write("notes", "idea", IDEA, PRODUCER)
    two = store.artifacts.write("notes", "idea", IDEA.model_copy(update={"vision": "x"}), PRODUCER)
    assert (one.revision, again.revision, two.revision) == (1, 1, 2)
    assert store.artifacts.read("notes", "idea", Idea).vision == "x"
    assert store.artifacts.heads("notes")["idea"].content_hash == two.content_hash
    with pytest.raises(ArtifactMissingError, match="no stories yet"):
        store.artifacts.read("notes", "stories", Stories)
    with pytest.raises(TypeError, match="stories is a Stories"):
        store.artifacts.write("notes", "stories", IDEA, PRODUCER)


def test_an_approval_holds_for_one_content(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    store.artifacts.write("notes", "idea", IDEA, PRODUCER)
    assert not store.artifacts.is_approved("notes", "idea")
    store.artifacts.approve("notes", "idea")
    store.artifacts.approve("notes", "idea")
    assert store.artifacts.is_approved("notes", "idea")
    store.artifacts.write("notes", "idea", IDEA.model_copy(update={"vision": "x"}), PRODUCER)
    assert not store.artifacts.is_approved("notes", "idea")


def test_units_are_found_by_key_and_kept_once(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    units = [MadeUnit(f"f{n}", f"key{n}", f"text {n}") for n in range(1200)]
    store.units.add("notes", "source_code", units)
    store.units.add("notes", "source_code", [MadeUnit("f1", "key1", "another text")])
    found = store.units.find("notes", [f"key{n}" for n in range(1201)])
    assert len(found) == 1200 and found["key1"] == "text 1"
    with pytest.raises(KeyError, match="not in the store"):
        store.units.blobs(["0" * 64])


def test_the_backlog_is_mirrored(store: ProjectStore, library_idea: Idea) -> None:
    from hishamos_pipeline.blueprints.planning.requirements import write_requirements
    from hishamos_pipeline.blueprints.planning.stories import write_stories

    store.projects.submit(IDEA, "t")
    stories = write_stories(write_requirements(library_idea))
    store.backlog.replace_stories("notes", stories)
    store.backlog.replace_stories("notes", stories)
    day = store.clock.now().date()
    sprint = Sprint(number=1, goal="g", start=day, end=day, stories=("US-001",), points=3)
    store.backlog.replace_sprints("notes", SprintPlan(sprints=(sprint,), backlog=(), capacity=5))
    store.backlog.mark_verified("notes", ("US-001",))
    rows = {row.code: row for row in store.backlog.stories("notes")}
    assert len(rows) == len(stories.stories)
    assert rows["US-001"].status == "verified" and rows["US-001"].sprint_id is not None
    assert rows["US-002"].sprint_id is None
    assert {row.status for row in rows.values()} == {"verified", "planned", "deferred"}


def test_the_three_records_and_their_cascades(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    files = [TreeFile(path="a.py", sha256="1" * 64, size=3, executable=True, stories=("US-001",))]
    store.deliveries.record_tree("notes", "/x", files, passed=True)
    store.deliveries.record_tree("notes", "/x", files, passed=True)
    store.deliveries.begin_export("notes", "zip")
    store.deliveries.fail_export("notes", "zip", "disk full")
    tree = store.deliveries.newest("notes")
    assert tree is not None and tree.status == "completed" and tree.completed_at is not None
    assert [(f.path, f.mode, f.stories) for f in tree.files] == [("a.py", 0o755, ["US-001"])]
    assert [(e.type, e.status, e.error) for e in tree.exports] == [("zip", "failed", "disk full")]
    store.deliveries.complete_export("notes", "zip", url="file:///x.zip", checksum="c")
    (export,) = store.deliveries.newest("notes").exports  # type: ignore[union-attr]
    assert (export.status, export.url, export.error) == ("completed", "file:///x.zip", "")
    with database.for_writing(store.engine).begin() as connection:
        connection.execute(text("DELETE FROM projects"))
        for table in Base.metadata.tables.values():
            left = connection.execute(select(func.count()).select_from(table)).scalar()
            assert left == 0 or table.name in ("audit", "blobs", "events", "organizations"), table.name


def test_two_writers_wait_for_each_other(settings: object, store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    errors: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            for number in range(20):
                document = IDEA.model_copy(update={"vision": f"{worker}-{number}"})
                store.artifacts.write("notes", "idea", document, PRODUCER)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    head = store.artifacts.head("notes", "idea")
    assert head is not None and head.revision == 80


def test_many_submissions_of_one_key_at_once(store: ProjectStore) -> None:
    """All of them are kept, in one project, each with a number of its own."""
    errors: list[BaseException] = []

    def submit(number: int) -> None:
        try:
            for part in range(25):
                store.projects.submit(IDEA.model_copy(update={"vision": f"{number}-{part}"}), "t")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(store.projects.all()) == 1
    assert store.projects.idea_revision("notes").revision == 500


def revisions() -> list[str]:
    """Every earlier state of the schema, the empty database first."""
    found = sorted(path.stem.split("_")[0] for path in (database.MIGRATIONS / "versions").glob("[0-9]*.py"))
    return ["base", *found]


@pytest.mark.parametrize("revision", revisions())
def test_a_database_of_every_earlier_revision_upgrades(revision: str, tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    url = f"sqlite:///{tmp_path}/old.db"
    engine = database.open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    if revision != "base":
        with database.for_writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.execute(
                text(
                    "INSERT INTO projects (key, title, state, failed_step, reason, cost_usd, created_at, updated_at)"
                    " VALUES ('old', 'Old', 'exported', '', '', 0.5, '2026-01-01', '2026-01-01')"
                )
            )
    engine.dispose()
    upgraded = open_store(url)
    assert database.current_revision(upgraded.engine) == database.head_revision()
    if revision != "base":
        assert upgraded.projects.get("old").cost_usd == 0.5
    upgraded.engine.dispose()


@pytest.mark.parametrize("revision", ["0005", "0006"])
def test_a_filled_store_is_upgraded(tmp_path: Path, database_url: str, revision: str) -> None:
    """With rows that refer to one another, on both databases."""
    from alembic import command
    from alembic.config import Config

    url = database_url or f"sqlite:///{tmp_path}/old.db"
    engine = database.open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    with database.for_writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in (
            "INSERT INTO projects (key, title, state, failed_step, reason, cost_usd, created_at, updated_at)"
            " VALUES ('old', 'Old', 'exported', '', '', 0.5, '2026-01-01', '2026-01-01')",
            f"INSERT INTO blobs (sha256, content, size) VALUES ('{'a' * 64}', 'text', 4)",
            "INSERT INTO units (project_id, kind, name, unit_key, blob, cost_usd, created_at)"
            f" VALUES (1, 'source_code', 'a.py', 'k', '{'a' * 64}', 0, '2026-01-01')",
        ):
            connection.execute(text(statement))
    database.upgrade(engine)
    store = ProjectStore(engine)
    assert store.units.find("old", ["k"]) == {"k": "text"}
    assert store.housekeeping.unused_blobs(datetime.now(UTC)) == {}
    engine.dispose()


def test_a_server_of_an_earlier_release_is_taken_over(database_url: str) -> None:
    """It kept its revision under the name that Dagster uses too."""
    if not database_url:
        return  # the embedded store has kept its place
    engine = database.open_engine(database_url)
    database.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE hishamos_version RENAME TO alembic_version"))
    assert database.current_revision(engine) == database.head_revision()
    database.upgrade(engine)
    with engine.begin() as connection:
        assert (
            connection.execute(text("SELECT version_num FROM hishamos_version")).scalar()
            == database.head_revision()
        )
        assert connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None
    engine.dispose()


def test_models_and_migrations_agree(store: ProjectStore) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with store.engine.connect() as connection:
        options = {"compare_type": True, "version_table": database.version_table(connection)}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    store = open_store(url)
    with database.for_writing(store.engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.engine.dispose()
    with pytest.raises(StoreVersionError, match="newer than this release"):
        open_store(url)


def test_a_home_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    with pytest.raises(StorageError, match="HISHAMOS_HOME"):
        open_store(f"sqlite:///{tmp_path}/home/store.db")


def test_times_come_back_in_utc(store: ProjectStore, clock: FixedClock) -> None:
    store.projects.submit(IDEA, "t")
    assert store.projects.get("notes").created_at == clock.now()
    with store.read() as session:
        assert session.scalar(select(func.count(ProjectRow.id))) == 1
        assert session.scalar(select(func.count(StoryRow.id))) == 0


def test_nobody_else_can_read_the_store_whatever_the_umask(tmp_path: Path) -> None:
    database = tmp_path / "home" / "store.db"
    before = os.umask(0)
    try:
        open_store(f"sqlite:///{database}").projects.all()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (database.parent, *database.parent.iterdir())}
    assert modes.pop("home") == 0o700 and set(modes.values()) == {0o600}, modes
