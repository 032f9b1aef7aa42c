"""What comes next with a batch: pure decisions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.pipeline.batch import (
    PER_SLOT,
    BatchOverrides,
    Finish,
    Launch,
    Standing,
    Stop,
    Wave,
    next_step,
    share_out,
)

UNATTRIBUTED = Wave()


def standing(canary: Wave = UNATTRIBUTED, rest: Wave = UNATTRIBUTED, **changed) -> Standing:
    given = {
        "slots": {0: 0, 1: 0},
        "most_failures": 1,
        "spent_usd": 0.0,
        "spent_tokens": 0,
        "overrides": BatchOverrides("f"),
    }
    return Standing(canary, rest, **given | changed)


def test_the_canary_goes_first_and_alone() -> None:
    rest = Wave(["c", "d"])
    assert next_step(standing(Wave(["a", "b"]), rest)) == Launch({0: ["a"], 1: ["b"]})
    assert next_step(standing(Wave(launched=1), rest, slots={0: 1, 1: 0})) is None
    assert next_step(standing(Wave(), rest)) == Launch({0: ["c"], 1: ["d"]})
    assert next_step(standing()) == Finish()
    assert next_step(standing(rest=Wave(launched=3), slots={0: 2, 1: 1})) is None


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (standing(Wave(failed=1), Wave(["b"])), "1 of the projects that went first failed"),
        (standing(rest=Wave(["b"], failed=2)), "2 projects failed, which is more than 1"),
        (
            standing(rest=Wave(["b"]), spent_usd=2.0, overrides=BatchOverrides("f", usd=2)),
            "its budget of 2 USD is spent",
        ),
        (
            standing(rest=Wave(["b"]), spent_tokens=9, overrides=BatchOverrides("f", tokens=5)),
            "its budget of 5 tokens is spent",
        ),
    ],
)
def test_failures_and_budgets_stop_it(now: Standing, why: str) -> None:
    assert next_step(now) == Stop(why)


def test_no_budget_stops_models_that_cost_nothing_nor_a_batch_that_is_done() -> None:
    assert isinstance(
        next_step(standing(rest=Wave(["b"]), overrides=BatchOverrides("f", usd=0, tokens=0))), Launch
    )
    assert next_step(standing(spent_usd=2.0, overrides=BatchOverrides("f", usd=2))) == Finish()


def test_as_many_failures_as_are_allowed_do_not_stop_it() -> None:
    assert isinstance(next_step(standing(rest=Wave(["b"], failed=1))), Launch)


@given(
    st.lists(st.text("abc", min_size=1), unique=True), st.dictionaries(st.integers(0, 9), st.integers(0, 30))
)
def test_lanes_that_are_nearly_empty_share_what_waits(waiting: list[str], slots: dict[int, int]) -> None:
    given_out = share_out(waiting, slots)
    shared = [key for keys in given_out.values() for key in keys]
    assert max(Counter(shared).values(), default=0) <= 1 and set(shared) <= set(waiting)
    assert all(slots[slot] < 2 and len(keys) <= PER_SLOT for slot, keys in given_out.items())
    sizes = [len(keys) for keys in given_out.values()]
    assert not sizes or max(sizes) - min(sizes) <= 1
    free = [slot for slot, left in slots.items() if left < 2]
    assert len(shared) == min(len(waiting), PER_SLOT * len(free))
