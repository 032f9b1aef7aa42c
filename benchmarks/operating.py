"""An installation of many projects: queries, a sensor's tick, the cleanup, and what each project takes."""

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, inspect, text

from benchmarks.measure import HISHAMOS, Row, seconds
from hishamos_pipeline.application.projects import summary_of
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.tracing import trace
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.generation.traces import traced
from hishamos_pipeline.operations.cleanup.cleaning import clean
from hishamos_pipeline.sensors.requested_builds import requested_builds
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store import database
from hishamos_pipeline.store.pages import PageQuery
from tests.fakes.postgres import postgres_server
from tests.fakes.run_history import FakeRuns
from tests.sensors.ticking import instance_of, tick
from tests.support.building import build

PROJECTS, FILES, ASKED = 10_000, 1_000_000, 200
_IDEA = Idea(
    key="p00000",
    title="Notes",
    features=("User can add a note", "User can list notes", "User can delete a note"),
)
_COPIED = ("ideas", "artifacts", "units", "generated_projects")


def _counted(last: int) -> str:
    """The numbers from 1 on, for SQLite."""
    return (
        f"(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {last}) SELECT i FROM s)"
    )


def fill(engine: Engine, projects: int, files: int) -> None:
    """Copy the one project that is there, with all its rows; files as often as makes the number that is wanted."""
    columns = {
        name: [c["name"] for c in inspect(engine).get_columns(name)]
        for name in (*_COPIED, "projects", "project_files")
    }
    numbers = (
        "generate_series(1, {last}) AS n(i)" if engine.dialect.name == "postgresql"
        else "(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {last}) SELECT i FROM s) AS n"
    ).format(last=projects - 1)  # fmt: skip
    key = (
        "'p' || lpad(CAST(n.i AS text), 5, '0')"
        if engine.dialect.name == "postgresql"
        else "printf('p%05d', n.i)"
    )
    with database.for_writing(engine).begin() as connection:
        first = connection.execute(text("SELECT id FROM projects")).scalar_one()

        def copy(table: str, changed: dict[str, str], source: str, numbers: str = numbers) -> None:
            names = [name for name in columns[table] if name != "id" or "id" in changed]
            values = ", ".join(changed.get(name, f"t.{name}") for name in names)
            connection.execute(
                text(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {source}, {numbers}")
            )

        copy("projects", {"id": f"{first} + n.i", "key": key}, "projects t")
        for table in _COPIED:
            most = connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()
            moved = {"id": f"t.id + n.i * {most}", "project_id": f"{first} + n.i"}
            copy(table, moved, f"(SELECT * FROM {table} WHERE project_id = {first}) t")
        there = connection.execute(text("SELECT count(*) FROM project_files")).scalar_one()
        tree = connection.execute(text("SELECT min(id) FROM generated_projects")).scalar_one()
        copies = max(files // projects // there, 1)
        more = numbers + (
            f", generate_series(1, {copies}) AS m(i)"
            if engine.dialect.name == "postgresql"
            else f", {_counted(copies)} AS m"
        )
        path = "CASE m.i WHEN 1 THEN t.path ELSE t.path || '.' || m.i END"
        trees = connection.execute(
            text("SELECT max(id) FROM generated_projects WHERE project_id = :first"), {"first": first}
        ).scalar_one()
        copy(
            "project_files",
            {"generated_project_id": f"t.generated_project_id + n.i * {trees}", "path": path},
            f"(SELECT * FROM project_files WHERE generated_project_id = {tree}) t",
            more,
        )
        if engine.dialect.name == "postgresql":
            for table in (*_COPIED, "projects"):
                connection.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


@contextmanager
def _watched(engine: Engine) -> Iterator[list[float]]:
    """Seconds of every statement."""
    took: list[float] = []

    def before(_c: Any, _cursor: Any, _s: Any, _p: Any, context: Any, _m: Any) -> None:
        context.began = time.perf_counter()

    def after(_c: Any, _cursor: Any, _s: Any, _p: Any, context: Any, _m: Any) -> None:
        took.append(time.perf_counter() - context.began)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    yield took
    event.remove(engine, "before_cursor_execute", before)
    event.remove(engine, "after_cursor_execute", after)


def _queries(services: Services, where: str) -> list[Row]:
    store, chance = services.store, random.Random(1)
    keys = [f"p{number:05}" for number in chance.sample(range(PROJECTS), ASKED)]
    asked: dict[str, Callable[[str], object]] = {
        "list (200 of them)": lambda key: store.projects.page(PageQuery(200), after=key),
        "detail": lambda key: summary_of(services.project_data(key)),
        "plan": lambda key: services.project(key).plan(),
        "trace": lambda key: trace(traced(services.project_data(key))),
    }
    rows = []
    for name, ask in asked.items():
        times, counts = [], set()
        for key in keys[: ASKED if name != "trace" else 40]:
            with _watched(store.engine) as took:
                ask(key)
            times.append(sum(took))
            counts.add(len(took))
        p95 = statistics.quantiles(times, n=20)[18] * 1000
        rows.append(
            Row(f"store, {PROJECTS:,} projects and {FILES:,} files, {where}: {name}, p95 of its queries",
                f"{p95:.1f} ms ({max(counts)} statements)", "under 50 ms", p95 < 50 and max(counts) < 60)
        )  # fmt: skip
    return rows


def _store(root: Path, url: str, where: str) -> list[Row]:
    settings = Settings(home=root / where, database_url=url, toolchains=root / "toolchains")
    if url:
        engine = database.open_engine(url)
        database.upgrade(engine)
        engine.dispose()
    services = Services(settings)
    services.store.projects.submit(_IDEA, "benchmark")
    asyncio.run(build(services.project(_IDEA.key)))
    fill(services.store.engine, PROJECTS, FILES)
    rows = _queries(services, where)
    began = time.perf_counter()
    would = clean(services, FakeRuns(), dry_run=True)
    took = time.perf_counter() - began
    rows.append(
        Row(f"cleanup, {PROJECTS:,} projects with nothing to remove, {where}", f"{took:.1f} s", "under 120 s",
            took < 120 and not any(done.failed for done in would.values()))
    )  # fmt: skip
    services.close()
    return rows


def _tick(root: Path) -> Row:
    """A tick with 10,000 projects that are built and 100 whose builds are requested."""
    settings = Settings(home=root / "tick", runs_per_tick=100, inbox_ideas_per_tick=100)
    services = Services(settings)
    services.store.projects.submit(_IDEA, "benchmark")
    with database.for_writing(services.store.engine).begin() as connection:
        connection.execute(text("UPDATE projects SET state = 'exported'"))
    _fill_ideas(services.store.engine, PROJECTS)
    os.environ["HISHAMOS_RUNS_PER_TICK"] = "100"
    for number in range(100):
        services.store.projects.submit(_IDEA.model_copy(update={"key": f"new-{number}"}), "benchmark")
    with instance_of(settings, root / "dagster") as instance:
        for start in range(0, PROJECTS, 500):
            instance.add_dynamic_partitions("projects", [f"p{n:05}" for n in range(start, start + 500)])
        began = time.perf_counter()
        result = tick(requested_builds, instance, settings)
        took = time.perf_counter() - began
    services.close()
    whole = len(result.run_requests or []) >= 10
    return Row(
        "tick of `requested_builds`, 10,000 projects known and 100 builds requested",
        f"{took:.2f} s",
        "under 5 s",
        took < 5 and whole,
    )


def _fill_ideas(engine: Engine, projects: int) -> None:
    numbers = f"{_counted(projects)} AS n"
    with database.for_writing(engine).begin() as connection:
        for table, changed in (
            ("projects", {"id": "1 + n.i", "key": "printf('p%05d', n.i)"}),
            ("ideas", {"id": "1 + n.i", "project_id": "1 + n.i"}),
        ):
            names = [column["name"] for column in inspect(engine).get_columns(table)]
            values = ", ".join(changed.get(name, f"t.{name}") for name in names)
            connection.execute(
                text(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} t, {numbers}")
            )


def _deleted(root: Path, projects: int = 1000) -> Row:
    """Archived projects, deleted with their folders."""
    settings = Settings(home=root / "deleted", keep_archived_days=1, keep_grace_hours=0)
    services, runs = Services(settings), FakeRuns()
    services.store.projects.submit(_IDEA, "benchmark")
    _fill_ideas(services.store.engine, projects)
    old = datetime.now(UTC) - timedelta(days=9)
    with database.for_writing(services.store.engine).begin() as connection:
        connection.execute(text("UPDATE projects SET state = 'archived', updated_at = :old"), {"old": old})
    for number in range(1, projects + 1):
        folder = settings.projects_dir / f"p{number:05}" / "versions" / "tree-1"
        folder.mkdir(parents=True)
        for name in range(30):
            (folder / f"{name}.py").write_text("x\n" * 50)
    began = time.perf_counter()
    done = clean(services, runs)["archived_projects"]
    took = time.perf_counter() - began
    services.close()
    return Row(f"cleanup that deletes {projects:,} projects of 30 files", f"{took:.1f} s", "under 120 s",
               took < 120 and done.count >= projects and not done.failed)  # fmt: skip


def _bytes(root: Path) -> Row:
    """What three projects more take, in both databases, on disk."""
    home, sizes = root / "bytes", []
    for number in range(4):
        brief = root / f"notes-{number}.md"
        brief.write_text(
            f"# Notes {number}\n\n## Features\n- User can add a note\n- User can list notes\n- User can delete a note\n"
        )
        seconds([*HISHAMOS, "build", str(brief)], home=home)
        sizes.append(
            [_size(home / "store.db"), sum(_size(path) for path in (home / "dagster").rglob("*.db*"))]
        )
    ours, dagsters = ((sizes[-1][i] - sizes[0][i]) / 3 / 1000 for i in (0, 1))
    return Row("each project of 3 stories: project store, and Dagster's storage, both SQLite",
               f"{ours:.0f} kB, {dagsters:.0f} kB", "under 1,500 kB each", max(ours, dagsters) < 1500)  # fmt: skip


def _size(path: Path) -> int:
    return path.stat().st_size + sum(p.stat().st_size for p in path.parent.glob(f"{path.name}-wal"))


def measure() -> list[Row]:
    """Everything about many projects."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        root = Path(folder)
        return [
            *_store(root, "", "SQLite"),
            *_store(root, server.new_database(), "PostgreSQL"),
            _tick(root),
            _deleted(root),
            _bytes(root),
        ]
