"""Batches over a real store: waves, failures, budgets, stops, what is gone on with, and what is compared."""

from collections.abc import Callable

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.batch import BATCH_TAG, SLOT_TAG
from hishamos_pipeline.core.pipeline.spending import CallEnd, CallStart, Purpose, Throttle
from hishamos_pipeline.errors import BatchError, BatchNotFoundError, ProjectBusyError
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.batch.comparing import common, figures, interval
from hishamos_pipeline.operations.batch.conditions import choose, parse
from hishamos_pipeline.operations.batch.steering import advance
from hishamos_pipeline.operations.cleanup import projects
from hishamos_pipeline.operations.notifications import sentence
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.batches.records import BatchMember
from hishamos_pipeline.store.batches.repository import BatchLimits
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.batch_runs import FakeBatchRuns
from tests.fakes.run_history import FakeRuns
from tests.support.building import build

KEYS = ["a", "b", "c", "d"]


@pytest.fixture
def runs() -> FakeBatchRuns:
    return FakeBatchRuns()


@pytest.fixture
def step(store: ProjectStore, runs: FakeBatchRuns) -> Callable[[], str]:
    """Move the batch `f` along, and begin the runs that it waits for."""

    def move() -> str:
        done = advance(store, store.batches.get("f"), runs, ["log"])
        runs.take(done.wanted)
        return done.said

    return move


def begin(store: ProjectStore, keys: list[str] = KEYS, *, canary: int = 1, **limits) -> None:
    for key in keys:
        store.projects.submit(Idea(key=key, title=key), "test")
    store.batches.begin("f", "build", keys, canary=canary, limits=BatchLimits(**limits))


def spend(store: ProjectStore, key: str, usd: float, model: str = "m") -> None:
    start = CallStart(
        purpose=Purpose(key, "stories"), role="qa", task="write", provider="anthropic", model=model,
        prompt_version="v1", request_hash=f"{key}{usd}", request="{}", batch="f",
    )  # fmt: skip
    call = store.calls.admit(start, [], Throttle(9, 99), alone=False)
    store.calls.settle(call, CallEnd("ok", 80, 20, 0, usd, 1.0))


def begun(runs: FakeBatchRuns) -> list[str]:
    return [run.project for run in runs.wanted.values()]


def state(store: ProjectStore) -> tuple[str, dict[str, str]]:
    batch = store.batches.get("f")
    return batch.state, {m.project: m.state for m in store.batches.members(batch)}


def test_a_batch_goes_in_two_waves_and_finishes(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store)
    step()
    step()  # nothing new: it waits for the canary
    assert begun(runs) == ["a"]
    (tags,) = (run.tags for run in runs.wanted.values())
    assert (tags[BATCH_TAG], tags[SLOT_TAG]) == ("f", "f/0")
    runs.end("a")
    step()
    slots = {run.project: run.tags[SLOT_TAG] for run in runs.wanted.values()}
    assert slots == {"a": "f/0", "b": "f/0", "c": "f/1", "d": "f/0"}
    for key in "bcd":
        runs.end(key)
    step()
    assert state(store) == ("finished", dict.fromkeys("abcd", "verified"))
    (notification,) = store.notifications.newest(5)
    assert (notification.event, sentence(notification)) == (
        "batch.finished", "batch f has finished: 4 of 4 projects verified"
    )  # fmt: skip
    assert [entry.action for entry in store.audit.page(PageQuery(9), subject="f").items] == ["batch.begin"]


def test_a_canary_that_fails_stops_the_batch_before_the_rest_begins(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, canary=2)
    step()
    store.projects.set_state("a", "blocked", step="stories", reason="nothing can be built")
    runs.end("a", "failed")
    step()
    assert state(store)[0] == "stopping" and runs.cancelled == ["b"]
    step()
    assert state(store) == ("stopped", {"a": "failed", "b": "cancelled", "c": "cancelled", "d": "cancelled"})
    batch = store.batches.get("f")
    assert batch.reason == "1 of the projects that went first failed"
    assert store.batches.members(batch)[0].reason == "nothing can be built"
    assert [notification.event for notification in store.notifications.newest(5)] == ["batch.stopped"]


def test_too_many_failures_stop_the_rest(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, canary=0, most_failures=1, slots=1)
    step()
    runs.end("a", "failed")
    step()
    assert state(store)[0] == "running"
    runs.end("b", "failed")
    step()
    step()
    assert state(store) == ("stopped", {"a": "failed", "b": "failed", "c": "cancelled", "d": "cancelled"})


def test_a_budget_that_is_spent_stops_it_and_a_larger_one_goes_on(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, canary=1, usd=1.0)
    step()
    spend(store, "a", 0.9)
    spend(store, "a", 0.2)
    runs.end("a")
    step()
    assert state(store)[0] == "stopped"
    (done, *_) = store.batches.members(store.batches.get("f"))
    assert (done.state, done.calls, done.tokens, done.models) == ("verified", 2, 200, ["anthropic:m"])
    assert done.cost_usd == pytest.approx(1.1)
    assert store.batches.resume("f", BatchLimits(usd=5.0), leave_failed=False) == 3
    step()
    assert sorted(state(store)[1].values()) == ["launched", "launched", "launched", "verified"]


def test_what_was_recorded_and_not_launched_is_launched_by_the_next_tick(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, canary=0, slots=1)
    lost = advance(store, store.batches.get("f"), runs, ["log"])  # the tick dies before Dagster hears of it
    assert set(state(store)[1].values()) == {"launched"} and begun(runs) == []
    step()
    step()
    assert begun(runs) == KEYS and [run.project for run in lost.wanted] == KEYS


def test_somebody_stops_it_before_anything_was_launched(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store)
    assert store.batches.stop("f", "enough") and not store.batches.stop("f", "again")
    step()
    assert state(store) == ("stopped", dict.fromkeys(KEYS, "cancelled")) and not runs.wanted
    assert store.batches.get("f").reason == "enough"


def test_a_canary_that_somebody_cancels_does_not_let_the_rest_go(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store)
    step()
    runs.end("a", "cancelled")
    step()
    step()
    assert state(store) == ("stopped", dict.fromkeys(KEYS, "cancelled")) and begun(runs) == ["a"]


def test_a_batch_that_stops_while_a_run_is_to_be_tried_again_comes_to_its_end(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a"])
    step()
    runs.end("a", "failed", retried=True)
    step()
    assert state(store) == ("running", {"a": "launched"})  # Dagster tries it again
    store.batches.stop("f", "enough")
    step()
    assert state(store) == ("stopped", {"a": "cancelled"})
    assert not store.batches.admit("f", "a", 1)  # what is tried again all the same does not begin


def test_a_run_that_takes_time_to_end_is_waited_for(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a"])
    step()
    runs.slow = True
    store.batches.stop("f", "enough")
    step()
    step()
    assert state(store) == ("stopping", {"a": "launched"}) and runs.cancelled == ["a", "a"]
    runs.end("a", "cancelled")
    step()
    assert state(store) == ("stopped", {"a": "cancelled"})


def test_what_its_budget_has_refused_is_no_failure_of_the_project(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a", "b"], canary=0, slots=1, usd=1.0)
    step()
    store.batches.refuse("f", "a", "the batch budget of 'f' is 1 USD")
    runs.end("a", "failed")
    runs.end("b")
    step()
    assert state(store) == ("stopped", {"a": "cancelled", "b": "verified"})
    assert store.batches.get("f").reason.startswith("the batch budget")
    assert figures(store.batches.members(store.batches.get("f"))).projects == 1
    assert store.batches.resume("f", BatchLimits(usd=2.0), leave_failed=True) == 1


def test_a_project_is_not_settled_while_a_call_for_it_is_being_made(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a"])
    step()
    start = CallStart(
        purpose=Purpose("a", "stories"), role="qa", task="write", provider="x", model="m", prompt_version="",
        request_hash="h", request="{}", batch="f", reserved_usd=0.5,
    )  # fmt: skip
    call = store.calls.admit(start, [], Throttle(9, 99), alone=False)
    runs.end("a", "failed")
    step()
    assert state(store)[1] == {"a": "launched"}
    store.calls.settle(call, CallEnd("lost", cost_usd=0.5))
    step()
    (member,) = store.batches.members(store.batches.get("f"))
    assert (member.state, member.cost_usd) == ("failed", 0.5)


def test_a_stop_in_the_middle_of_a_tick_launches_nothing(store: ProjectStore) -> None:
    begin(store)
    seen = store.batches.get("f")
    store.batches.stop("f", "enough")
    assert not store.batches.launch(seen, {0: ["a"]}) and state(store)[1]["a"] == "waiting"


def test_the_end_is_told_although_the_sensor_dies_at_it(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(store, ["a"])
    step()
    runs.end("a")
    with monkeypatch.context() as patched:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(store.batches, "end", dies)
        with pytest.raises(KeyboardInterrupt):
            step()
    step()
    assert state(store)[0] == "finished" and len(store.notifications.newest(5)) == 1


def test_a_run_that_comes_after_the_stop_does_not_begin(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a"])
    step()
    assert store.batches.launched("f", "a") and store.batches.admit("f", "a", 1)
    store.batches.stop("f", "enough")
    assert not store.batches.admit("f", "a", 1)
    runs.end("a", "failed")
    step()
    assert state(store) == ("stopped", {"a": "cancelled"}) and not store.batches.launched("f", "a")


def test_submitted_projects_of_a_batch_wait_for_it(store: ProjectStore) -> None:
    begin(store, ["a", "b"])
    store.projects.submit(Idea(key="c", title="c"), "test")
    assert [request.project for request in store.builds.requested(9)] == ["c"]
    store.batches.stop("f", "enough")
    store.batches.end(store.batches.get("f"))
    assert [request.project for request in store.builds.requested(9)] == ["a", "b", "c"]


def test_time_is_that_of_all_runs_and_attempts(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a"])
    for seconds in (50.0, 2.0):
        step()
        runs.end("a", "failed", seconds)
        step()
        step()
        store.batches.resume("f", BatchLimits(), leave_failed=False)
    assert store.batches.members(store.batches.get("f"))[0].seconds == 52.0


def test_a_project_of_a_batch_under_way_is_neither_archived_nor_deleted(store: ProjectStore) -> None:
    begin(store)
    with pytest.raises(ProjectBusyError, match="batch stop f"):
        projects.archive(store, FakeRuns(), "a")
    store.batches.stop("f", "enough")
    store.batches.end(store.batches.get("f"))
    projects.archive(store, FakeRuns(), "a")


def test_failed_projects_are_tried_again_or_left(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a", "b"], canary=1)
    step()
    with pytest.raises(BatchError, match="is running"):
        store.batches.resume("f", BatchLimits(), leave_failed=False)
    runs.end("a", "failed")
    step()
    assert store.batches.resume("f", BatchLimits(), leave_failed=True) == 1
    step()
    assert state(store)[1] == {"a": "failed", "b": "launched"}  # an old failure stops nothing
    runs.end("b")
    step()
    assert state(store)[0] == "finished"
    assert store.batches.resume("f", BatchLimits(), leave_failed=False) == 1
    step()
    assert len(runs.wanted) == 3 and state(store)[1]["a"] == "launched"
    runs.end("a")
    step()
    with pytest.raises(BatchError, match="nothing left"):
        store.batches.resume("f", BatchLimits(), leave_failed=False)


def test_a_deleted_project_is_a_failure(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    begin(store, ["a", "b"], canary=0, slots=1)
    store.projects.set_state("b", "archived")
    store.housekeeping.begin_deletion("b", "test")
    store.housekeeping.remove_project("b")
    step()
    assert begun(runs) == ["a"]
    step()
    members = {m.project: (m.state, m.reason) for m in store.batches.members(store.batches.get("f"))}
    assert members["b"] == ("failed", "it was deleted") and members["a"][0] == "launched"


def test_a_batch_needs_projects_and_a_name_of_its_own(store: ProjectStore) -> None:
    with pytest.raises(BatchError, match="no project meets"):
        store.batches.begin("f", "build", [], canary=0, limits=BatchLimits())
    begin(store)
    with pytest.raises(BatchError, match="already"):
        store.batches.begin("f", "build", ["a"], canary=0, limits=BatchLimits())
    with pytest.raises(BatchNotFoundError):
        store.batches.get("g")


async def test_a_verified_project_is_counted_with_what_it_has_shown(
    notes: ProjectRun, store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    store.batches.begin("f", "build", [notes.key], canary=0, limits=BatchLimits())
    step()
    await build(notes)
    runs.end(notes.key, seconds=7.5)
    step()
    (member,) = store.batches.members(store.batches.get("f"))
    assert (member.state, member.seconds, member.run_id) == ("verified", 7.5, f"run-{notes.key}")
    assert 0 < member.requirements_verified <= member.requirements


# --- choosing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        ([], ["a", "b", "c"]),
        (["key=a,c"], ["a", "c"]),
        (["key!=a*"], ["b", "c"]),
        (["title=MY *"], ["c"]),
        (["state=failed,archived"], ["b", "d"]),
        (["state=submitted", "key!=a"], ["c"]),
        (["model=anthropic:*"], ["a"]),
        (["batch!=f"], ["c"]),
        (["stale=yes", "key=a"], ["a"]),
        (["stale=no"], []),
    ],
)
def test_conditions_choose_projects(
    store: ProjectStore, settings: Settings, texts: list[str], chosen: list[str]
) -> None:
    begin(store, ["a", "b"])
    store.projects.submit(Idea(key="c", title="My notes"), "test")
    store.projects.submit(Idea(key="d", title="old"), "test")
    store.projects.set_state("b", "failed", reason="x")
    store.projects.set_state("d", "archived")
    spend(store, "a", 0.1)
    assert choose(Services(settings), [parse(text) for text in texts]) == chosen


@pytest.mark.parametrize(
    "text", ["state", "=x", "colour=red", "state=done", "stale=maybe", "key=", "key = ,"]
)
def test_a_condition_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(BatchError, match="condition"):
        parse(text)


# --- comparing --------------------------------------------------------------------------------------------------


def test_two_batches_are_compared_by_what_ended_in_both(store: ProjectStore, runs: FakeBatchRuns) -> None:
    begin(store, canary=0, slots=1)
    store.batches.begin("g", "build", KEYS, canary=0, limits=BatchLimits(slots=1))
    f, g = store.batches.get("f"), store.batches.get("g")
    for batch, keys in ((f, "ab"), (g, "bcd")):
        runs.take(advance(store, batch, runs, []).wanted)
        for key in keys:
            runs.end(key, "failed" if key == "a" else "verified", 5.0)
        spend(store, "b", 0.5)
        runs.take(advance(store, batch, runs, []).wanted)
    both = common(store.batches.members(f), store.batches.members(g))
    assert [[m.project for m in side] for side in both] == [["b"], ["b"]]
    later = figures(store.batches.members(g))
    assert (later.projects, later.share, later.p95_seconds) == (3, 1.0, 5.0)
    whole = figures(store.batches.members(f))
    assert (whole.projects, whole.verified, whole.share, whole.seconds) == (2, 1, 0.5, 5.0)
    assert (whole.cost_usd, whole.usd_each, whole.models) == (0.5, None, ("anthropic:m",))
    assert figures([]).share is None


def test_figures_are_of_what_was_shown() -> None:
    members = [
        BatchMember(
            batch_id=1, project=str(n), canary=False, state=state, attempt=1, slot=0, run_id="",
            refused=False, reason="", seconds=seconds, requirements=4, requirements_verified=shown, cost_usd=usd,
            calls=1, tokens=100, models=["m"], prompt_versions=[],
        )
        for n, (state, shown, usd, seconds) in enumerate(
            [("verified", 4, 1.0, 1.0), ("verified", 2, 0.5, 2.0), ("failed", 0, 1.5, 100.0), ("cancelled", 0, 9, 9)]
        )
    ]  # fmt: skip
    found = figures(members)
    assert (found.projects, found.verified, found.requirements, found.requirements_verified) == (3, 2, 12, 6)
    assert (found.usd_each, found.tokens_each, found.seconds) == (0.5, 50.0, 2.0)
    assert 2.0 < found.p95_seconds <= 100.0


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Wilson's interval, as statsmodels' proportion_confint(method="wilson") has it.
    [
        (0, 0, 0.0, 1.0),
        (8, 10, 0.4902, 0.9433),
        (0, 5, 0.0, 0.4345),
        (5, 5, 0.5655, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_few_projects_say_little(successes: int, trials: int, low: float, high: float) -> None:
    assert interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_a_run_of_an_earlier_attempt_does_not_begin(
    store: ProjectStore, runs: FakeBatchRuns, step: Callable[[], str]
) -> None:
    """Dagster tries a run again although its batch was stopped, and taken up again, meanwhile."""
    begin(store, ["a"])
    step()
    store.batches.stop("f", "enough")
    step()
    step()
    store.batches.resume("f", BatchLimits(), leave_failed=False)
    step()
    assert not store.batches.admit("f", "a", 1) and store.batches.admit("f", "a", 2)
    assert state(store) == ("running", {"a": "launched"})
