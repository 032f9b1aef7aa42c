"""SIGKILL between any two assets and inside verification: the next build goes on and repeats nothing."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.store.artifacts.tables import ArtifactRow
from hishamos_pipeline.store.store import open_store
from tests.support.built import NOTES
from tests.support.commands import Started, hishamos, start_hishamos

pytestmark = pytest.mark.slow
ARTIFACTS = ArtifactRow.__tablename__


def build(home: Path) -> Started:
    return start_hishamos(home, "build", "notes", output=subprocess.DEVNULL, HISHAMOS_HOME=str(home))


def revisions(home: Path) -> dict[str, int]:
    """How often each artifact has been made; asked a hundred times a second, so without opening the store."""
    with closing(sqlite3.connect(f"file:{home}/store.db?mode=ro", uri=True, timeout=30)) as store:
        return dict(store.execute(f"SELECT kind, max(revision) FROM {ARTIFACTS} GROUP BY kind"))


def kill_when(process: Started, happened: Callable[[], bool], every: float = 0.01) -> None:
    """Kill a build as soon as something has happened, which is looked at every so many seconds."""
    while not happened():
        if process.poll() is not None:
            return
        time.sleep(every)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def in_sandbox(home: Path) -> list[int]:
    """Processes that a sandbox runs on this home's projects."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if any("verified_build/round-0" in part and str(home) in part for part in command):
            found += [process.pid] if process.info["status"] != psutil.STATUS_ZOMBIE else []
    return found


def submit(home: Path) -> None:
    done = hishamos(home, "ideas", "submit", "-", stdin=NOTES, HISHAMOS_HOME=str(home))
    assert done.returncode == 0, done.stderr


def finish(home: Path) -> None:
    """Build to the end, and look whether all is whole."""
    process = build(home)
    assert process.wait(600) == 0
    project = home / "projects" / "notes"
    assert (
        subprocess.run(["git", "-C", str(project / "repository"), "fsck", "--strict"], check=True).returncode
        == 0
    )
    log = subprocess.run(
        ["git", "-C", str(project / "repository"), "log", "--format=%s"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert len(log) == len(set(log)) == 3
    assert not list((project / "staging").glob("*/*"))
    assert len(list((project / "versions").glob("tree-*"))) == 1
    store = open_store(f"sqlite:///{home}/store.db")
    assert store.projects.get("notes").state == "exported"
    store.engine.dispose()


@pytest.mark.nightly
def test_killed_after_every_second_asset(tmp_path: Path) -> None:
    """One home, killed again and again: each artifact is made once and never again."""
    submit(tmp_path)
    for kind in list(STEPS)[::2]:
        if kind in revisions(tmp_path):
            continue
        process = build(tmp_path)
        kill_when(process, lambda kind=kind: kind in revisions(tmp_path))
    finish(tmp_path)
    assert revisions(tmp_path) == dict.fromkeys(STEPS, 1)


def test_killed_inside_verification(tmp_path: Path) -> None:
    """While the sandbox runs: it dies too, nothing is published, and the next build starts that step afresh."""
    submit(tmp_path)
    process = build(tmp_path)
    kill_when(process, lambda: len(in_sandbox(tmp_path)) > 0, every=0.1)
    deadline = time.monotonic() + 60
    while in_sandbox(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not in_sandbox(tmp_path)
    assert not (tmp_path / "projects" / "notes" / "tree").exists()
    assert "verified_build" not in revisions(tmp_path)
    finish(tmp_path)
    assert revisions(tmp_path) == dict.fromkeys(STEPS, 1)


def test_interrupted_inside_verification(tmp_path: Path) -> None:
    """Ctrl-C ends the sandbox and the build at once, says so, and the next build goes on."""
    submit(tmp_path)
    process = build(tmp_path)
    while not in_sandbox(tmp_path):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 130
    assert not in_sandbox(tmp_path)
    assert "verified_build" not in revisions(tmp_path)
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    project = store.projects.get("notes")
    store.engine.dispose()
    assert (project.state, project.failed_step) == ("failed", "verified_build")
    assert project.reason == "interrupted; build it again to go on"
    finish(tmp_path)
    assert revisions(tmp_path) == dict.fromkeys(STEPS, 1)


def test_the_checks_of_a_killed_run_are_asked_again(tmp_path: Path) -> None:
    """An artifact that is reused has its blocking checks evaluated in the run that reuses it."""
    import dagster as dg

    submit(tmp_path)
    process = build(tmp_path)
    kill_when(process, lambda: "architecture" in revisions(tmp_path))
    finish(tmp_path)
    os.environ["HISHAMOS_DAGSTER_DIR"] = str(tmp_path / "dagster")
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        records = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("architecture"), "planned_paths_are_safe"), limit=5
        )
        assert next(str(record.status.value) for record in records) == "SUCCEEDED"
        unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
        assert list(instance.get_runs(dg.RunsFilter(statuses=unfinished))) == []
    del os.environ["HISHAMOS_DAGSTER_DIR"]
