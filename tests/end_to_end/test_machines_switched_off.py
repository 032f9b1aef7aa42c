"""Workers on machines of their own that are switched off: one in the middle of a run, and all of them."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.machines import Machine, installation_of_many, start_worker, states, submit, wait_for
from tests.fakes.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.real_servers]


@pytest.mark.timeout(900)
def test_a_run_whose_machine_is_switched_off_is_made_by_another(
    tmp_path: Path, postgres: PostgresServer, toolchains_dir: Path
) -> None:
    with installation_of_many(tmp_path, postgres.new_database(), toolchains_dir) as (
        control,
        one,
        two,
        store,
    ):
        start_worker(two)
        submit(control, "gamma", "delta")
        wait_for(lambda: {"gamma", "delta"} & {heart.project for heart in store.heartbeats.all()}, store)
        start_worker(one)
        two.kill()
        start_worker(two)  # a worker that is started again, with a new release for instance, takes its share
        wait_for(lambda: {states(store)[key] for key in ("gamma", "delta")} == {"exported"}, store, 400)


@pytest.mark.timeout(600)
def test_where_nobody_is_left_runs_say_so(
    tmp_path: Path, postgres: PostgresServer, toolchains_dir: Path
) -> None:
    """Nothing hangs: what nobody begins is given up, is tried again, and has failed then."""
    url = postgres.new_database()
    with installation_of_many(tmp_path, url, toolchains_dir, start_seconds=5, retries=1) as site:
        control, one, _, store = site
        start_worker(one)
        wait_for(lambda: "one@" in workers(control), store)
        one.kill()
        submit(control, "epsilon")
        wait_for(lambda: states(store)["epsilon"] == "failed", store)
        assert "start" in store.projects.get("epsilon").reason


def workers(control: Machine) -> str:
    """What the doctor sees of workers."""
    doctor = json.loads(control.tried("doctor", "--json").stdout)
    return {item["check"]: item["detail"] for item in doctor}["workers"]
