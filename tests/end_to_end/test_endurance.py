"""Daemon, code server, runs and PostgreSQL killed at random: every project ends, and nothing is lost or made twice."""

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.installation import BRIEF, Installation, endure, installation
from tests.fakes.postgres import postgres_server

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.real_servers]
# Builds and kills. By hand: HISHAMOS_ENDURANCE="200 60" pytest tests/end_to_end/test_endurance.py
AMOUNTS = {"few": (3, 5), "many": (60, 200)}
if "HISHAMOS_ENDURANCE" in os.environ:
    AMOUNTS["few"] = tuple(map(int, os.environ["HISHAMOS_ENDURANCE"].split()))


def amount(name: str) -> Any:
    """So many builds and kills, with the time that they may take."""
    builds, kills = AMOUNTS[name]
    marks = [pytest.mark.timeout(120 * builds + 300)]
    return pytest.param(builds, kills, id=name, marks=marks)


@pytest.mark.parametrize(("builds", "kills"), [amount("few"), amount("many")])
def test_every_project_ends_whatever_is_killed(
    builds: int, kills: int, tmp_path: Path, toolchains_dir: Path
) -> None:
    with (
        postgres_server() as server,
        installation(
            tmp_path / "home", server.new_database(), server, HISHAMOS_TOOLCHAINS=str(toolchains_dir)
        ) as made,
    ):
        inbox = made.home / "inbox"
        inbox.mkdir(exist_ok=True)
        keys = {f"notes-{number}" for number in range(builds)}
        for key in keys:
            (inbox / f"{key}.md").write_text(BRIEF.format(title=key.replace("-", " ")))
        endure(made, keys, kills=kills, seconds=100 * builds + 200)
        assert_whole(made, keys)
        print(made.killed, Counter(made.states().values()))
        with made.store() as store:
            print(
                *(f"{row.key} {row.failed_step}: {row.reason[:150]}" for row in store.projects.all()),
                sep="\n",
            )


def assert_whole(made: Installation, keys: set[str]) -> None:
    """No idea was lost, no history is twice, no slot is held, and every failure has a cause."""
    with made.store() as store:
        projects = {project.key: project for project in store.projects.all()}
        assert projects.keys() == keys
        for key, project in projects.items():
            assert project.state in ("exported", "verified") or project.reason, (key, project.state)
            for row in store.artifacts.history(key):
                assert row.revision == 1 or row.reason, (key, row.kind, row.revision)
            if project.state == "exported":
                repository = made.home / "projects" / key / "repository"
                log = subprocess.run(
                    ["git", "-C", repository, "log", "--format=%s"],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.splitlines()
                assert len(log) == len(set(log)) > 1, (key, log)
                assert not list((repository.parent / "staging").iterdir())
        assert store.heartbeats.all() == []
        assert store.audit.verify().problem == ""
    with made.instance() as instance:
        info = instance.event_log_storage.get_concurrency_info("sandbox")
        assert (info.active_slot_count, info.pending_step_count, info.assigned_step_count) == (0, 0, 0)
        unfinished = [run for run in instance.get_runs() if not run.is_finished]
        assert unfinished == []
