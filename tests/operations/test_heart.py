"""Hearts of runs: a real thread over a real store; and the watch, by looks alone."""

import time
from datetime import UTC, datetime

from sqlalchemy import text

from hishamos_pipeline.core.machine import machine, process
from hishamos_pipeline.operations.heartbeat import HeartbeatThread, Watched, watch
from hishamos_pipeline.store import database
from hishamos_pipeline.store.heartbeats.records import Heartbeat
from hishamos_pipeline.store.store import ProjectStore


def beats(store: ProjectStore) -> list[int]:
    return [heart.beats for heart in store.heartbeats.all()]


def wait_for(happened) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_heart_beats_until_it_is_stopped(store: ProjectStore) -> None:
    heart = HeartbeatThread(store.heartbeats, "run-1", "notes", every_seconds=0.01)
    heart.start()
    wait_for(lambda: beats(store)[0] > 3)
    (row,) = store.heartbeats.all()
    assert (row.project, row.machine) == ("notes", process())
    heart.stop()
    assert store.heartbeats.all() == []


def test_a_heart_outlives_a_store_that_is_away(store: ProjectStore) -> None:
    heart = HeartbeatThread(store.heartbeats, "run-1", "notes", every_seconds=0.01)
    heart.start()
    with database.for_writing(store.engine).begin() as connection:
        connection.execute(text("ALTER TABLE heartbeats RENAME TO elsewhere"))
    time.sleep(0.1)
    with database.for_writing(store.engine).begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO heartbeats"))
    before = beats(store)[0]
    wait_for(lambda: beats(store)[0] > before)
    heart.stop()


def heartbeat(run_id: str, machine: str, beats: int) -> Heartbeat:
    return Heartbeat(run_id, "notes", machine, beats, datetime(2026, 3, 2, tzinfo=UTC))


def test_looks_are_counted_and_not_seconds() -> None:
    hearts = [
        heartbeat("a", "far:1", 3),
        heartbeat("b", "far:2", 9),
    ]
    seen, stopped = watch(hearts, {}, 2)
    assert stopped == [] and seen == {"a": Watched(3), "b": Watched(9)}
    hearts[1] = heartbeat("b", "far:2", 10)
    seen, stopped = watch(hearts, seen, 2)
    assert seen == {"a": Watched(3, 1), "b": Watched(10)}
    seen, stopped = watch(hearts, seen, 2)
    assert [heart.run_id for heart in stopped] == ["a"] and seen == {"b": Watched(10, 1)}


def test_a_process_of_this_machine_is_known_to_be_dead_or_alive() -> None:
    dead = heartbeat("dead", f"{machine()}:999999999", 1)
    alive = heartbeat("alive", process(), 1)
    _, stopped = watch([dead, alive], {}, 5)
    assert [heart.run_id for heart in stopped] == ["dead"]
