"""What comes next with a fleet: pure decisions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.fleet import (
    PER_BACKFILL,
    Finish,
    Launch,
    Standing,
    Stop,
    Terms,
    Wave,
    next_step,
    share_out,
)

UNATTRIBUTED = Wave()


def standing(canary: Wave = UNATTRIBUTED, rest: Wave = UNATTRIBUTED, **changed) -> Standing:
    given = {
        "lanes": {0: 0, 1: 0},
        "most_failures": 1,
        "spent_usd": 0.0,
        "spent_tokens": 0,
        "terms": Terms("f"),
    }
    return Standing(canary, rest, **given | changed)


def test_the_canary_goes_first_and_alone() -> None:
    rest = Wave(["c", "d"])
    assert next_step(standing(Wave(["a", "b"]), rest)) == Launch({0: ["a"], 1: ["b"]})
    assert next_step(standing(Wave(launched=1), rest, lanes={0: 1, 1: 0})) is None
    assert next_step(standing(Wave(), rest)) == Launch({0: ["c"], 1: ["d"]})
    assert next_step(standing()) == Finish()
    assert next_step(standing(rest=Wave(launched=3), lanes={0: 2, 1: 1})) is None


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (standing(Wave(failed=1), Wave(["b"])), "1 of the projects that went first failed"),
        (standing(rest=Wave(["b"], failed=2)), "2 projects failed, which is more than 1"),
        (standing(rest=Wave(["b"]), spent_usd=2.0, terms=Terms("f", usd=2)), "its budget of 2 USD is spent"),
        (
            standing(rest=Wave(["b"]), spent_tokens=9, terms=Terms("f", tokens=5)),
            "its budget of 5 tokens is spent",
        ),
    ],
)
def test_failures_and_budgets_stop_it(now: Standing, why: str) -> None:
    assert next_step(now) == Stop(why)


def test_no_budget_stops_models_that_cost_nothing_nor_a_fleet_that_is_done() -> None:
    assert isinstance(next_step(standing(rest=Wave(["b"]), terms=Terms("f", usd=0, tokens=0))), Launch)
    assert next_step(standing(spent_usd=2.0, terms=Terms("f", usd=2))) == Finish()


def test_as_many_failures_as_are_allowed_do_not_stop_it() -> None:
    assert isinstance(next_step(standing(rest=Wave(["b"], failed=1))), Launch)


@given(
    st.lists(st.text("abc", min_size=1), unique=True), st.dictionaries(st.integers(0, 9), st.integers(0, 30))
)
def test_lanes_that_are_nearly_empty_share_what_waits(waiting: list[str], lanes: dict[int, int]) -> None:
    given_out = share_out(waiting, lanes)
    shared = [key for keys in given_out.values() for key in keys]
    assert max(Counter(shared).values(), default=0) <= 1 and set(shared) <= set(waiting)
    assert all(lanes[lane] < 2 and len(keys) <= PER_BACKFILL for lane, keys in given_out.items())
    sizes = [len(keys) for keys in given_out.values()]
    assert not sizes or max(sizes) - min(sizes) <= 1
    free = [lane for lane, left in lanes.items() if left < 2]
    assert len(shared) == min(len(waiting), PER_BACKFILL * len(free))
