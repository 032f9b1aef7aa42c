"""Forecasts held against what has happened, on both databases."""

from datetime import timedelta

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.spending import CallEnd, CallStart, Purpose, Throttle
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import ProjectNotFoundError
from hishamos_pipeline.store.calls.records import UnitCost
from hishamos_pipeline.store.forecasts.records import Foretold, forecast_error
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock


def foretold(likely: float, most: float) -> Foretold:
    return Foretold(UnitCost(), UnitCost(likely, likely * 100), UnitCost(most, most * 100))


def submitted(store: ProjectStore, key: str) -> None:
    store.projects.submit(Idea(key=key, title=key, vision="It does something."), "test")


def call(store: ProjectStore, project: str, asset: str, number: int, outcome: str = "ok") -> None:
    start = CallStart(
        purpose=Purpose(project, asset), role="coding", task="new", provider="anthropic", model="m",
        prompt_version="v", request_hash=sha256_text(f"{project} {asset} {number}"), request="{}", attempt=1,
        fallback_reasons="", reserved_usd=0.1, reserved_tokens=10,
    )  # fmt: skip
    admitted = store.calls.admit(start, [], Throttle(9, 99), alone=False)
    assert isinstance(admitted, int)
    store.calls.settle(admitted, CallEnd(outcome, input_tokens=100, output_tokens=50, cost_usd=0.02))


def test_calls_of_a_build_are_held_against_its_forecast(store: ProjectStore, clock: FixedClock) -> None:
    submitted(store, "notes")
    submitted(store, "other")
    call(store, "notes", "source_code", 0)  # before
    clock.advance(timedelta(minutes=1))
    assert store.forecasts.newest("notes") is None
    assert not store.forecasts.has("notes", "run-1")
    store.forecasts.add("notes", "run-1", {"source_code": foretold(2, 5)})
    store.forecasts.add("notes", "run-1", {"source_code": foretold(9, 9)})  # another process of the same run
    clock.advance(timedelta(minutes=1))
    call(store, "notes", "source_code", 1)
    call(store, "notes", "test_suite", 2, "invalid")
    call(store, "notes", "source_code", 3, "cancelled")
    call(store, "other", "source_code", 4)
    call(store, "notes", "", 6)  # an agent's

    found = store.forecasts.newest("notes")
    assert found is not None
    assert found.ended_at is None
    assert found.foretold == {"source_code": foretold(2, 5)}
    assert found.happened == {"source_code": UnitCost(1, 150, 0.02), "test_suite": UnitCost(1, 150, 0.02)}
    assert store.forecasts.mean_error() is None

    store.forecasts.end("notes", "run-1")
    ended = store.forecasts.newest("notes")
    clock.advance(timedelta(minutes=1))
    call(store, "notes", "source_code", 5)  # after
    assert ended == store.forecasts.newest("notes")
    assert ended is not None
    assert (ended.happened, ended.ended_at is None) == (found.happened, False)
    assert store.forecasts.mean_error() == 0.0


def test_the_newest_forecasts_of_projects_count(store: ProjectStore, clock: FixedClock) -> None:
    for key, likely in (("notes", 4), ("other", 1)):
        submitted(store, key)
        for run, told in (("old", 0.0), ("new", float(likely))):
            store.forecasts.add(key, run, {"source_code": foretold(told, 9)})
            clock.advance(timedelta(seconds=1))
            call(store, key, "source_code", 1)
            store.forecasts.end(key, run)
            clock.advance(timedelta(seconds=1))
    store.forecasts.end("notes", "never foretold")
    assert store.forecasts.mean_error() == pytest.approx((0.75 + 0.0) / 2)
    with pytest.raises(ProjectNotFoundError):
        store.forecasts.newest("nowhere")


def test_how_far_off_a_forecast_is() -> None:
    assert [forecast_error(*pair) for pair in ((0, 0), (3, 3), (0, 2), (4, 1), (1, 4))] == [
        0,
        0,
        1,
        0.75,
        0.75,
    ]
