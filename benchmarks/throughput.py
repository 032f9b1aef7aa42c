"""Many ideas through the sensor and the queue, against one build at a time; memory meanwhile; two workers against one.

``python -m benchmarks.throughput 1000`` measures as many projects as that.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.measure import HISHAMOS, Row, seconds
from hishamos_pipeline.store.store import ProjectStore
from tests.end_to_end.installation import ENDED, Installation, installation
from tests.end_to_end.machines import Machine, installation_of_many, start_worker
from tests.fakes.ports import free_port
from tests.fakes.postgres import PostgresServer, postgres_server

PROJECTS, NO_BATCH, FOR_WORKERS = 30, 4, 8
BRIEF = "# Notes {0}\n\n## Features\n- User can add a note\n- User can list notes\n"
_LONGEST_SECONDS = 7200


def measure(projects: int = PROJECTS) -> list[Row]:
    """Rows for both databases, and for workers."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        root = Path(folder)
        rows = []
        for name, url in (("SQLite", ""), ("PostgreSQL", server.new_database())):
            rows += _queue(root / name, url, server if url else None, name, projects)
        return [*rows, _workers(root, server)]


def _queue(root: Path, url: str, server: PostgresServer | None, where: str, projects: int) -> list[Row]:
    root.mkdir()
    alone = _alone(root)
    with (
        installation(root / "home", url, server, HISHAMOS_TOOLCHAINS=str(root / "toolchains")) as made,
        _webserver(made) as webserver,
    ):
        inbox = made.home / "inbox"
        inbox.mkdir(exist_ok=True)
        for number in range(projects):
            (inbox / f"notes-{number}.md").write_text(BRIEF.format(number))
        samples, took = _watch(made, webserver, projects)
        states = made.states()
        assert set(states.values()) == {"exported"}, states
    queued, single = 60 * projects / took, 60 / alone
    rows = [
        Row(
            f"{where}: {projects} ideas through sensor and queue against one `build` at a time, projects a minute",
            f"{queued / single:.2f} ({queued:.1f} / {single:.1f})", "above 1", queued > single,
        )
    ]  # fmt: skip
    third = len(samples) // 3
    for part in samples[0]:
        early, late = (
            max(sample[part] for sample in some) for some in (samples[third : 2 * third], samples[-third:])
        )
        rows.append(
            Row(f"{where}: memory of the {part}, last third of that against the second",
                f"{late / early:.2f} ({late:.0f} MB / {early:.0f} MB)", "under 1.1", late / early < 1.1)
        )  # fmt: skip
    return rows


def _alone(root: Path) -> float:
    """Seconds of one build, when several follow one another."""

    def build(number: int) -> float:
        brief = root / f"alone-{number}.md"
        brief.write_text(BRIEF.format(f"alone {number}"))
        return seconds([*HISHAMOS, "build", str(brief)], home=root / "alone")

    build(0)  # makes the home and the toolchain
    return sum(build(number) for number in range(1, NO_BATCH + 1)) / NO_BATCH


@contextmanager
def _webserver(made: Installation) -> Iterator["subprocess.Popen[bytes]"]:
    argv = [sys.executable, "-m", "dagster_webserver", "-w", str(made.home / "dagster" / "workspace.yaml")]
    process = subprocess.Popen(
        [*argv, "-p", str(free_port())], env=made.environment, cwd=made.home,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _watch(
    made: Installation, webserver: "subprocess.Popen[bytes]", projects: int
) -> tuple[list[dict[str, float]], float]:
    """Megabytes of the parts every five seconds until all projects have ended, and how long that took."""
    pids = {
        "webserver": webserver.pid,
        **{name: made.processes[name].pid for name in ("daemon", "code server")},
    }
    samples, started = [], time.monotonic()
    while True:
        ended = sum(state in ENDED for state in made.states().values())
        samples.append({name: psutil.Process(pid).memory_info().rss / 1e6 for name, pid in pids.items()})
        if ended == projects:
            return samples, time.monotonic() - started
        assert time.monotonic() - started < _LONGEST_SECONDS, made.states()
        time.sleep(5)


def _workers(root: Path, server: PostgresServer) -> Row:
    """Two workers against one, each with a run at a time: this one machine has no cores for more."""

    def took(name: str, count: int) -> float:
        folder = root / name
        folder.mkdir()
        with installation_of_many(folder, server.new_database(), root / "toolchains") as (
            control,
            one,
            two,
            store,
        ):
            for worker in (one, two)[:count]:
                start_worker(worker, runs=1)
            _submit(control, "first")
            _wait(store, 1)
            started = time.monotonic()
            _submit(control, *(f"{name} {number}" for number in range(FOR_WORKERS)))
            _wait(store, FOR_WORKERS + 1)
            return time.monotonic() - started

    (root / "toolchains").mkdir()
    one, two = took("one", 1), took("two", 2)
    return Row(
        f"two workers against one, each with one run at a time, {FOR_WORKERS} projects, on one machine of two cores",
        f"{one / two:.2f} ({60 * FOR_WORKERS / two:.1f} / {60 * FOR_WORKERS / one:.1f} projects a minute)",
        "above 1", two < one,
    )  # fmt: skip


def _submit(control: Machine, *titles: str) -> None:
    for title in titles:
        control.hishamos("ideas", "submit", "-", stdin=BRIEF.format(title))


def _wait(store: ProjectStore, projects: int) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while sum(project.state in ENDED for project in store.projects.all()) < projects:
        assert time.monotonic() < deadline, "not ended in time"
        time.sleep(1)


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]) if sys.argv[1:] else PROJECTS):
        print(f"{row.name}: {row.figure} ({row.bound})")
