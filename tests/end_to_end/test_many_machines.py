"""Two workers on machines of their own, with PostgreSQL, Redis and S3 between them: switched off, moved, restarted."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hishamos_pipeline.store.store import ProjectStore
from tests.end_to_end.machines import Machine, installation_of_many, start_worker
from tests.fakes.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
BRIEF = "# {title}\n\n## Features\n- User can add a note\n- User can list notes\n"


@pytest.fixture
def site(
    tmp_path: Path, postgres: PostgresServer, toolchains_dir: Path
) -> Iterator[tuple[Machine, Machine, Machine, ProjectStore]]:
    """The machine of daemon and code server, two for workers, and the store that they share."""
    with installation_of_many(tmp_path, postgres.new_database(), toolchains_dir) as made:
        yield made


def submit(control: Machine, *titles: str) -> None:
    for title in titles:
        control.hishamos("ideas", "submit", "-", stdin=BRIEF.format(title=title))


def states(store: ProjectStore) -> dict[str, str]:
    return {project.key: project.state for project in store.projects.all()}


def wait_for(happened: Callable[[], object], store: ProjectStore, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        reasons = {project.key: project.reason for project in store.projects.all()}
        assert time.monotonic() < deadline, (states(store), reasons)
        time.sleep(0.5)


def repository(machine: Machine, key: str) -> Path:
    return machine.home / "projects" / key / "repository"


def log_of(machine: Machine, key: str) -> list[str]:
    argv = ["git", "-C", str(repository(machine, key).resolve()), "log", "--format=%H"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.timeout(900)
def test_work_moves_between_machines(site: tuple[Machine, Machine, Machine, ProjectStore]) -> None:
    control, one, two, store = site
    start_worker(one)
    submit(control, "alpha", "beta")
    wait_for(lambda: states(store) == {"alpha": "exported", "beta": "exported"}, store)
    assert repository(one, "alpha").is_dir() and not (control.home / "projects").exists()
    before = log_of(one, "alpha")

    # Another machine goes on where the first has stopped: with its history, from the storage.
    one.kill()
    start_worker(two)
    brief = BRIEF.format(title="alpha") + "- User can delete a note\n"
    control.hishamos("ideas", "submit", "-", stdin=brief)
    wait_for(lambda: states(store)["alpha"] == "exported", store)
    after = log_of(two, "alpha")
    assert after[-len(before) :] == before and len(after) > len(before)
    assert not repository(two, "beta").exists()

    # The first comes back with an old copy, and makes the next change upon the new one.
    two.kill()
    start_worker(one)
    control.hishamos("ideas", "submit", "-", stdin=brief + "- User can rename a note\n")
    wait_for(lambda: states(store)["alpha"] == "exported", store)
    newest = log_of(one, "alpha")
    assert newest[-len(after) :] == after and len(newest) > len(after)
    doctor = json.loads(control.hishamos("doctor", "--json"))
    assert {item["check"]: item["detail"] for item in doctor}["workers"].startswith("one@")

    # Switched off in the middle of a run: another one makes it.
    one.kill()
    start_worker(two)
    submit(control, "gamma", "delta")
    wait_for(lambda: {"gamma", "delta"} & {heart.project for heart in store.heartbeats.all()}, store)
    start_worker(one)
    two.kill()
    start_worker(two)  # a worker that is started again, with a new release for instance, takes its share
    wait_for(lambda: {states(store)[key] for key in ("gamma", "delta")} == {"exported"}, store, 240)

    # Nobody is there: the runs say so, and nothing hangs.
    one.kill()
    two.kill()
    submit(control, "epsilon")
    wait_for(lambda: states(store)["epsilon"] == "failed", store)
    assert "start" in store.projects.get("epsilon").reason
