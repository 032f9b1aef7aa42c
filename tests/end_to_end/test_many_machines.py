"""Two workers on machines of their own, with PostgreSQL, Redis and S3 between them: projects move between them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hishamos_pipeline.store.store import ProjectStore
from tests.end_to_end.machines import (
    BRIEF,
    Machine,
    installation_of_many,
    start_worker,
    states,
    submit,
    unfinished,
    wait_for,
)
from tests.fakes.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]


@pytest.fixture
def site(
    tmp_path: Path, postgres: PostgresServer, toolchains_dir: Path
) -> Iterator[tuple[Machine, Machine, Machine, ProjectStore]]:
    """The machine of daemon and code server, two for workers, and the store that they share."""
    with installation_of_many(tmp_path, postgres.new_database(), toolchains_dir) as made:
        yield made


def repository(machine: Machine, key: str) -> Path:
    return machine.home / "projects" / key / "repository"


def log_of(machine: Machine, key: str) -> list[str]:
    argv = ["git", "-C", str(repository(machine, key).resolve()), "log", "--format=%H"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def wait_until_exported(store: ProjectStore, *keys: str) -> None:
    """Wait until projects are exported, and no run is left that a worker would still have to end."""
    wait_for(lambda: {states(store)[key] for key in keys} == {"exported"} and not unfinished(store), store)


@pytest.mark.timeout(900)
def test_work_moves_between_machines(site: tuple[Machine, Machine, Machine, ProjectStore]) -> None:
    control, one, two, store = site
    start_worker(one)
    submit(control, "alpha", "beta")
    wait_until_exported(store, "alpha", "beta")
    assert repository(one, "alpha").is_dir() and not (control.home / "projects").exists()
    before = log_of(one, "alpha")

    # Another machine goes on where the first has stopped: with its history, from the storage.
    one.kill()
    start_worker(two)
    brief = BRIEF.format(title="alpha") + "- User can delete a note\n"
    control.hishamos("ideas", "submit", "-", stdin=brief)
    wait_until_exported(store, "alpha")
    after = log_of(two, "alpha")
    assert after[-len(before) :] == before and len(after) > len(before)
    assert not repository(two, "beta").exists()

    # The first comes back with an old copy, and makes the next change upon the new one.
    two.kill()
    start_worker(one)
    control.hishamos("ideas", "submit", "-", stdin=brief + "- User can rename a note\n")
    wait_until_exported(store, "alpha")
    newest = log_of(one, "alpha")
    assert newest[-len(after) :] == after and len(newest) > len(after)
    doctor = json.loads(control.hishamos("doctor", "--json"))
    assert {item["check"]: item["detail"] for item in doctor}["workers"].startswith("one@")
