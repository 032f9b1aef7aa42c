"""Whatever happens to whatever run: it ends or waits for something named, in order, and replays to the same."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hishamos_pipeline.core.workflows.admission import admission
from hishamos_pipeline.core.workflows.checking import problems
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.engine import advance, wake_at
from hishamos_pipeline.core.workflows.layout import Layout
from hishamos_pipeline.core.workflows.states import (
    ACTIVE,
    ENDED,
    Begun,
    Cancelled,
    Decided,
    Event,
    Failed,
    Paused,
    Rerun,
    Resumed,
    Retried,
    RunState,
    Succeeded,
    Ticked,
)
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from tests.core.workflows.playing import Play

GIVEN: dict[str, dict[str, Any]] = {
    "notify": {"subject": "x"},
    "agent_task": {"role": "r", "task": "t", "text": "x"},
    "human_approval": {"approvers": ["ann"], "expires": "2d", "remind": "1d", "on_expiry": "approve"},
    "condition": {"if": True},
    "delay": {"for": "1h"},
    "wait_for_event": {"event": "story.deferred", "expires": "3d"},
}
MOST_TURNS = 400


@st.composite
def lanes(draw: st.DrawFn, prefix: str, depth: int = 0) -> list[dict[str, Any]]:
    """Steps beside one another."""
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4 - depth))):
        name = f"{prefix}{number}"
        before = [step["id"] for step in found]
        needs = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        kind = draw(st.sampled_from([*GIVEN, "parallel"] if depth < 2 else list(GIVEN)))
        step: dict[str, Any] = {"id": name, "type": kind, "depends_on": needs}
        step["join"] = draw(st.sampled_from(["all", "any", "all_done"]))
        step["continue_on_failure"] = draw(st.booleans())
        conditions = ["true", "false", *(f"steps.{other}.state == 'succeeded'" for other in needs)]
        step["when"] = draw(st.none() | st.sampled_from(conditions))
        step["timeout"] = draw(st.sampled_from([None, "5h"]))
        if kind == "parallel":
            step["fail_fast"] = draw(st.booleans())
            step["with"] = {"join": draw(st.sampled_from(["all", "any", "all_done"]))}
            if draw(st.booleans()):
                step["for_each"] = draw(st.sampled_from(["[]", "[1, 2]", "[1, 2, 3]"]))
                step["steps"] = draw(lanes(f"{name}e", depth + 1))
            else:
                step["branches"] = {b: draw(lanes(f"{name}{b}", depth + 1)) for b in ("x", "y")}
        else:
            step["with"] = GIVEN[kind]
            step["retry"] = {"max": draw(st.integers(0, 2)), "backoff": "1m"}
        if kind == "human_approval" and needs:
            step["on_changes"] = {"rework": draw(st.sampled_from(needs)), "max": 2}
        found.append(step)
    return found


@st.composite
def definitions(draw: st.DrawFn) -> WorkflowDefinition:
    tree: dict[str, Any] = {"workflow": "random", "steps": draw(lanes("s"))}
    if draw(st.booleans()):
        tree["on_failure"] = draw(lanes("f", 2))
    if draw(st.booleans()):
        tree["finally"] = draw(lanes("z", 2))
    if draw(st.booleans()):
        tree["budget"] = {"wall_time": "30h", "tokens": 50}
    made = WorkflowDefinition.model_validate(tree)
    assert problems(made, BUILTIN) == []
    return made


ACTIONS = (
    *["ok"] * 3,
    *["fail"] * 2,
    "take",
    "decide",
    "tick",
    "pause",
    "resume",
    "cancel",
    "retry",
    "rerun",
    "old",
)
actions = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(0, 1000),
    ),
    max_size=40,
)


def event_of(play: Play, action: str, number: int) -> Event:
    """What an action means for a run as it is."""
    active = [s for s in play.run.steps.values() if s.state in ACTIVE and not s.is_container]
    state = active[number % len(active)] if active else None
    key, attempt = (state.key, state.attempt) if state else ("s0", number)
    tokens = number % 5
    match action:
        case "ok":
            return Succeeded(key, attempt, {}, 0.0, tokens)
        case "fail":
            return Failed(key, attempt, ["error", "lost", "rejected"][number % 3], "no", 0.0, tokens)
        case "take":
            return Begun(key, attempt)
        case "decide":
            decision = ("approve", "reject", "changes")[number % 3]
            return Decided(key, attempt, decision, "bob")  # type: ignore[arg-type]
        case "old":
            return Succeeded(key, max(0, attempt - 1), {})
        case "rerun":
            return Rerun(f"s{number % 4}")
        case "tick":
            play.now += timedelta(minutes=number)
            return Ticked()
    return {"pause": Paused(), "resume": Resumed(), "cancel": Cancelled("ann"), "retry": Retried()}[action]


def check(play: Play, before: RunState) -> None:
    """What holds of every run at every time."""
    run, layout = play.run, Layout(play.definition, BUILTIN)
    for key, state in run.steps.items():
        was = before.steps.get(key)
        if state.attempt > (was.attempt if was else 0) and state.indices == ():
            needs = layout.step(state.id).depends_on
            states = [(layout.step(n), run.steps[n]) for n in needs]
            assert admission(layout.step(state.id).join, states) == "begin", f"{key} began before its time"
    numbers = [state.attempt for state in run.steps.values() if state.attempt]
    assert len(numbers) == len(set(numbers)), "every attempt has a number of its own"
    if run.ended_at is not None:
        assert run.state in ("succeeded", "failed", "cancelled")
        assert not [key for key, state in run.steps.items() if state.state in ACTIVE]
        assert wake_at(play.definition, run) is None
    elif run.state != "paused":
        waits = [s for s in run.steps.values() if s.state in ACTIVE and not s.is_container]
        later = [s for s in run.steps.values() if s.state == "pending" and s.not_before]
        assert waits or later, "it waits for something that has a name"


def to_the_end(play: Play) -> None:
    """All that is open succeeds, and time passes; the run has to end."""
    play.happen(Resumed())
    for _ in range(MOST_TURNS):
        if play.run.ended_at is not None:
            return
        active = [s for s in play.run.steps.values() if s.state in ACTIVE and not s.is_container]
        timed = wake_at(play.definition, play.run)
        kinds = Layout(play.definition, BUILTIN)
        ready = [s for s in active if kinds.step(s.id).type != "delay"]
        if ready:
            play.happen(Succeeded(ready[0].key, ready[0].attempt, {}))
        else:
            assert timed is not None
            play.now = max(play.now, timed)
            play.happen(Ticked())
    raise AssertionError("the run does not end")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions(), actions)
def test_every_run_ends_or_waits_for_something_named(
    definition: WorkflowDefinition, happenings: list[tuple[str, int]]
) -> None:
    play = Play(definition)
    check(play, RunState("run-1", "random", "ann", {}))
    for action, number in happenings:
        before = play.run
        commands = play.happen(event_of(play, action, number))
        check(play, before)
        for command in commands:
            if command.kind == "stop":
                is_new = command.attempt > before.begun
                assert is_new or before.steps[command.key].state in ACTIVE, (
                    "what has not begun is not stopped"
                )
        if action == "old":
            assert play.run == before
    to_the_end(play)
    replayed = RunState(id="run-1", workflow="played", owner="ann", inputs={})
    for event, now in play.log:
        replayed, _ = advance(definition, replayed, event, now, BUILTIN)
    assert replayed == play.run, "the same events give the same states"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions(), actions)
def test_what_is_told_again_changes_nothing(
    definition: WorkflowDefinition, happenings: list[tuple[str, int]]
) -> None:
    play = Play(definition)
    for action, number in happenings:
        event = event_of(play, action, number)
        play.happen(event)
        if isinstance(event, Succeeded | Failed | Decided | Begun):
            after = play.run
            play.happen(event)
            assert play.run == after


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions())
def test_what_nobody_disturbs_leaves_no_step_open(definition: WorkflowDefinition) -> None:
    play = Play(definition)
    to_the_end(play)
    assert all(state.state in ENDED for state in play.run.steps.values())
