"""A tick that takes longer than Dagster waits for it: told, made up for by the next ones, and nothing built twice."""

import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus
from sqlalchemy import create_engine, text

from tests.end_to_end.installation import BRIEF, Installation, installation
from tests.fakes.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.real_servers]
SECONDS = 4


@pytest.mark.timeout(1200)
def test_a_sensor_that_times_out(tmp_path: Path, postgres: PostgresServer, toolchains_dir: Path) -> None:
    with (
        installation(
            tmp_path / "home",
            postgres.new_database(),
            HISHAMOS_TOOLCHAINS=str(toolchains_dir),
            DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS=str(SECONDS),
        ) as made,
        made.instance() as instance,
    ):
        wait_until(made, lambda: TickStatus.SKIPPED in ticks(instance))
        engine, began = create_engine(made.store_url), time.time()
        with engine.begin() as connection:  # whoever asks for projects waits, for as long as this goes on
            connection.execute(text("LOCK TABLE projects IN ACCESS EXCLUSIVE MODE"))
            for title in ("one", "two"):
                (made.home / "inbox" / f"{title}.md").write_text(BRIEF.format(title=title))
            wait_until(made, lambda: TickStatus.FAILURE in ticks(instance, began))
        engine.dispose()
        wait_until(made, lambda: made.states() == {"one": "exported", "two": "exported"})
        runs = instance.get_runs()
        assert sorted(run.tags["dagster/partition"] for run in runs) == ["one", "two"]
        assert f"longer than {SECONDS} seconds" in ticks(instance, began)[TickStatus.FAILURE]


def wait_until(made: Installation, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 500
    while not happened():
        log = (made.home / "daemon.log").read_text(errors="replace")
        assert time.monotonic() < deadline, log[-3000:]
        time.sleep(0.5)


def ticks(instance: dg.DagsterInstance, began: float = 0) -> dict[TickStatus, str]:
    """What the ticks of ``new_ideas`` since a time have come to, with the error of the first of each kind."""
    states = [state for state in instance.all_instigator_state() if state.name == "new_ideas"]
    found = [
        tick for state in states for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
    ]
    later = sorted((tick for tick in found if tick.timestamp >= began), key=lambda tick: -tick.timestamp)
    return {tick.status: tick.error.to_string() if tick.error else "" for tick in later}
