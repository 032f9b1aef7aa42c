"""What follows for a run from what happens to it. It is pure: the same events give the same states, whoever asks when.

A run makes its way through lanes: the steps of a phase, the branches of a step, those for one element of a list. What
happens changes one step; then everything that follows at once is worked out: steps begin, are skipped, fail or end,
until nothing is left but what somebody else has to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from hishamos_pipeline.core.workflows.admission import (
    admission,
    over_budget,
    wall_time_ends,
)
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition, WorkflowStep, duration
from hishamos_pipeline.core.workflows.layout import Lane
from hishamos_pipeline.core.workflows.run_steps import MOST_JSON_BYTES, RunSteps, size_of
from hishamos_pipeline.core.workflows.states import (
    ACTIVE,
    ENDED,
    Begun,
    Cancelled,
    Decided,
    Event,
    Failed,
    Feedback,
    Parked,
    Paused,
    Rerun,
    Resumed,
    Retried,
    RunCommand,
    RunState,
    Started,
    StepState,
    Succeeded,
    Ticked,
    WorkflowFailure,
)
from hishamos_pipeline.core.workflows.step_types import StepType
from hishamos_pipeline.core.workflows.values import outputs_of, values_at

# Steps of a run, with all those for the elements of lists.
MOST_STATES = 2_000


def advance(
    definition: WorkflowDefinition,
    run: RunState,
    event: Event,
    now: datetime,
    types: Mapping[str, StepType],
) -> tuple[RunState, tuple[RunCommand, ...]]:
    """A run after something has happened to it, and what is to be done outside.

    What is about an attempt that has ended, or that the run does not know, changes nothing.

    Args:
        definition: what it is a run of; it is valid.
        run: as it is.
        event: what has happened.
        now: when.
        types: the kinds of steps that there are.
    """
    turn = _Turn(definition, run, now, types)
    turn.take(event)
    turn.settle()
    return turn.run, tuple(turn.commands)


def wake_at(definition: WorkflowDefinition, run: RunState) -> datetime | None:
    """When time alone changes something about a run; ``None`` if it never does."""
    if run.ended_at is not None or run.started_at is None:
        return None
    # While it is paused, no step begins, whatever the time is.
    states = [s for s in run.steps.values() if not (run.is_paused and s.state == "pending")]
    times = [time for state in states if (time := state.wake_at)]
    end = wall_time_ends(definition.budget, run) if run.phase == "steps" and not run.outcome else None
    return min([*times, *([end] if end else [])], default=None)


class _Turn(RunSteps):
    """One event and all that follows from it at once."""

    def take(self, event: Event) -> None:
        match event:
            case Started() if self.run.started_at is None and self.run.ended_at is None:
                self.run = replace(self.run, started_at=self.now)
                self._enter("steps")
            case Begun() if (state := self._open(event.key, event.attempt)) and state.state == "ready":
                # Others may have spent what was left since it was admitted.
                if said := self._unaffordable(self.layout.step(state.id)):
                    self._fail(state.key, "budget", said)
                else:
                    self._set(state.key, state="running")
            case Parked() if (state := self._open(event.key, event.attempt)) and state.state == "running":
                self._set(state.key, state="waiting", waits_for=dict(event.waits_for))
            case Succeeded() if state := self._open(event.key, event.attempt):
                self._spend(state, event)
                self._succeed(state.key, event.outputs)
            case Failed() if state := self._open(event.key, event.attempt):
                self._spend(state, event)
                self._fail(state.key, event.cause, event.message)
            case Decided() if (state := self._open(event.key, event.attempt)) and state.state == "waiting":
                self._decide(state, event)
            case Ticked() if self.run.ended_at is None:
                self._tick()
            case Paused() if self.run.ended_at is None:
                self.run = replace(self.run, is_paused=True)
            case Resumed():
                self.run = replace(self.run, is_paused=False)
            case Cancelled() if self.run.ended_at is None:
                self._cancel(event)
            case Retried() if self.run.ended_at is not None and self.run.outcome != "succeeded":
                self._retry()
            case Rerun() if self.run.ended_at is not None and self.layout.is_first_level(event.step):
                self._rerun(event.step)

    def _open(self, key: str, attempt: int) -> StepState | None:
        """A step whose newest attempt has not ended, if it is this one."""
        state = self.run.steps.get(key)
        return state if state and state.attempt == attempt and state.state in ACTIVE else None

    def _spend(self, state: StepState, event: Succeeded | Failed) -> None:
        run = self.run
        is_lost = isinstance(event, Failed) and event.cause == "lost" and self._costs(state)
        unpriced = (*run.unpriced, state.key) if event.usd is None or is_lost else run.unpriced
        self.run = replace(
            run, usd=run.usd + (event.usd or 0.0), tokens=run.tokens + event.tokens, unpriced=unpriced
        )

    def _decide(self, state: StepState, event: Decided) -> None:
        step = self.layout.step(state.id)
        said = {
            "decision": event.decision,
            "by": event.by,
            "comment": event.comment,
            "form": dict(event.form),
            "round": state.reworks,
        }
        if event.decision == "approve":
            self._succeed(state.key, said)
        elif event.decision == "changes" and step.on_changes and state.reworks < step.on_changes.max:
            self.run = replace(
                self.run, feedback=Feedback(state.reworks + 1, event.by, event.comment, event.form)
            )
            self._send_back(state, step.on_changes.rework)
        else:
            self._set(state.key, outputs=said)
            why = f"{event.by}: {event.comment}" if event.comment else f"by {event.by}"
            self._fail(state.key, "rejected", why)

    def _send_back(self, approval: StepState, target: str) -> None:
        """Everything from a step on is to be done again: what came of it before is nobody's approved work."""
        self._end_as(approval.key, "succeeded")
        for name in (target, *self.layout.dependents(target)):
            self._again("".join((name, approval.key[len(approval.id) :])), is_new_round=True)
        self._set(approval.key, reworks=approval.reworks + 1)

    def _tick(self) -> None:
        for key in list(self.run.steps):
            state = self.run.steps[key]
            if state.state not in ACTIVE:
                continue
            if _is_over(state.deadline, self.now):
                self._stop(key)
                self._fail(key, "timeout", "it has taken longer than its `timeout`")
            elif _is_over(state.expires_at, self.now):
                self._expire(state)
            elif _is_over(state.remind_at, self.now):
                self._remind(state)

    def _remind(self, state: StepState) -> None:
        self._command("remind", state)
        every = duration(state.given["remind"])
        missed = (self.now - state.remind_at) // every if state.remind_at and every else 0
        again = state.remind_at + every * (missed + 1) if state.remind_at and every else None
        self._set(state.key, remind_at=again)

    def _expire(self, state: StepState) -> None:
        """What a step has waited for is over, as a delay, or has not come."""
        kind = self.layout.step(state.id).type
        if kind == "delay":
            self._succeed(state.key, {})
            return
        if state.given.get("escalate") and not state.is_escalated:
            self._command("escalate", state)
            self._set(state.key, is_escalated=True, expires_at=self.now + duration(state.given["expires"]))
            return
        self._command("stop", state)
        decision = state.given.get("on_expiry", "fail")
        if kind == "human_approval" and decision != "fail":
            self._decide(state, Decided(state.key, state.attempt, decision, by="expiry"))
        else:
            self._fail(state.key, "expired", "nobody has decided in time" if kind == "human_approval" else
                       "what it waited for has not come")  # fmt: skip

    def _cancel(self, event: Cancelled) -> None:
        is_second = self.run.outcome == "cancelled"
        why = f"by {event.by}{f': {event.reason}' if event.reason else ''}"
        failure = self.run.failure or WorkflowFailure("", "cancelled", why)
        self.run = replace(self.run, outcome="cancelled", failure=failure, is_paused=False)
        for key in list(self.run.steps):
            if self.run.steps[key].state not in ENDED:
                self._end_early(key, f"cancelled {why}")
        if self.run.started_at is None or is_second:
            self._end()
        elif self.run.phase != "finally":
            self._enter("finally")

    def settle(self) -> None:
        """Work out everything that follows at once."""
        while self.run.started_at is not None and self.run.ended_at is None and self._follow():
            pass

    def _follow(self) -> bool:
        """One pass over what is open; whether anything has changed."""
        was = self.run
        top = Lane(self.run.phase, self.layout.steps_of(self.run.phase))
        self._follow_lane(top, is_closed=self._is_over_budget())
        if self.run is was and self._is_done(top):
            self._leave()
        return self.run is not was

    def _is_over_budget(self) -> bool:
        """Whether the run has lasted as long as it may; then all of it ends."""
        end = wall_time_ends(self.definition.budget, self.run)
        if self.run.phase != "steps" or self.run.outcome or end is None or end > self.now:
            return False
        said = f"the run has lasted its whole budget of {self.definition.budget.wall_time}"
        if self.run.failure is None:
            self.run = replace(self.run, failure=WorkflowFailure("", "budget", said))
        for key in list(self.run.steps):
            if self.run.steps[key].state not in ENDED:
                self._end_early(key, said)
        return True

    def _follow_lane(self, lane: Lane, *, is_closed: bool) -> None:
        for step in lane.steps:
            key = lane.key(step.id)
            if key not in self.run.steps:  # a step that a newer definition has
                self._set_new(key)
            if is_closed or self._has_failed(lane):
                self._close(key)
            elif self.run.steps[key].state == "pending":
                self._admit(step, lane)
            state = self.run.steps[key]
            if state.is_container and state.state == "running":
                self._follow_container(state, is_closed=is_closed or self._has_failed(lane))

    def _follow_container(self, state: StepState, *, is_closed: bool) -> None:
        step, lanes = self.layout.step(state.id), self.layout.lanes(state)
        for lane in lanes:
            self._follow_lane(lane, is_closed=is_closed)
        join = state.given.get("join", "all")
        done = [lane for lane in lanes if self._is_done(lane)]
        bad = [lane for lane in done if not self._is_good(lane)]
        is_won = join == "any" and len(done) > len(bad)
        is_lost = join == "all" and step.fail_fast and bool(bad)
        if is_won or is_lost:
            self._end_inside(state, "another branch has decided it")
        elif len(done) < len(lanes):
            return
        self._finish(state, lanes, join, was_closed=is_closed)

    def _finish(self, state: StepState, lanes: Sequence[Lane], join: str, *, was_closed: bool) -> None:
        bad = [lane.name for lane in lanes if not self._is_good(lane)]
        is_good = not bad or join == "all_done" or (join == "any" and len(bad) < len(lanes))
        if was_closed and bad and not any(map(self._has_failed, lanes)):
            self._end_early(state.key, "a step before it or beside it has failed")
        elif is_good:
            self._succeed(state.key, {"results": self._results(lanes), "failed": len(bad)})
        else:
            failed = [lane.name for lane in lanes if self._has_failed(lane)] or bad
            said = f"{len(failed)} of {len(lanes)} branches failed: {', '.join(failed[:5])}"
            self._fail(state.key, "error", said)

    def _results(self, lanes: Sequence[Lane]) -> list[dict[str, Any]]:
        """What came of each branch; the outputs of its steps too, where all together are small enough."""
        short = [
            {"name": lane.name, "state": "succeeded" if self._is_good(lane) else "failed"} for lane in lanes
        ]
        steps = [
            {state.id: dict(state.outputs) for key in lane.keys if (state := self.run.steps[key]).outputs}
            for lane in lanes
        ]
        full = [{**told, "outputs": outputs} for told, outputs in zip(short, steps, strict=True)]
        return full if size_of(full) < MOST_JSON_BYTES // 2 else short

    def _close(self, key: str) -> None:
        """A step of a lane that has failed: what runs ends by itself, what has not begun never will."""
        state = self.run.steps[key]
        if state.state not in ENDED and state.state != "running":
            self._end_early(key, "a step before it or beside it has failed")

    def _has_failed(self, lane: Lane) -> bool:
        return any(self._is_final(state) for key in lane.keys if (state := self.run.steps.get(key)))

    def _is_done(self, lane: Lane) -> bool:
        return all(key in self.run.steps and self.run.steps[key].state in ENDED for key in lane.keys)

    def _is_good(self, lane: Lane) -> bool:
        return not self._has_failed(lane) and all(
            self.run.steps[key].state != "cancelled" for key in lane.keys
        )

    def _admit(self, step: WorkflowStep, lane: Lane) -> None:
        """Begin a step if nothing holds it back."""
        state = self.run.steps[lane.key(step.id)]
        before = [(self.layout.step(n), self.run.steps[lane.key(n)]) for n in step.depends_on if
                  lane.key(n) in self.run.steps]  # fmt: skip
        verdict = admission(step.join, before)
        if self.run.is_paused or verdict == "wait" or (state.not_before or self.now) > self.now:
            return
        values = values_at(self.run, self.layout, state)
        try:
            if verdict == "skip" or (step.when and not values.holds(step.when)):
                why = (
                    "its condition is false" if verdict == "begin" else "the steps before it did not succeed"
                )
                self._end_as(state.key, "skipped", message=why)
            elif said := self._unaffordable(step):
                self._fail(state.key, "budget", said)
            else:
                self._begin(step, state.key, values.filled(dict(step.given)), self._items(step, values))
        except (ValueError, TypeError, OverflowError) as error:  # one of them is ExpressionError
            self._fail(state.key, "expression", str(error))

    def _unaffordable(self, step: WorkflowStep) -> str:
        """Why the budget admits no step more; what comes after a failure and costs nothing is not held back."""
        if self.run.phase != "steps" and not self.types[step.type].costs:
            return ""
        return over_budget(self.definition.budget, self.run, self.now)

    def _items(self, step: WorkflowStep, values: Any) -> list[Any]:
        """The elements of a list that a step is done for.

        Raises:
            ValueError: there are too many.
        """
        if not step.for_each:
            return []
        items = values.evaluate(step.for_each)
        if not isinstance(items, list):
            raise ValueError("`for_each` is no list")
        if len(items) > step.most:
            raise ValueError(f"the list has {len(items)} elements, and `most` is {step.most}")
        if len(self.run.steps) + len(items) * len(step.steps) > MOST_STATES:
            raise ValueError(f"the run would have more than {MOST_STATES} steps")
        return items

    def _leave(self) -> None:
        """The phase is over: what comes after it, or the end."""
        run = self.run
        if run.phase == "steps" and run.failure and not run.outcome and self.layout.steps_of("on_failure"):
            self._enter("on_failure")
        elif run.phase != "finally" and self.layout.steps_of("finally"):
            self._enter("finally")
        else:
            self._end()

    def _end(self) -> None:
        run = self.run
        outcome = run.outcome or ("failed" if run.failure else "succeeded")
        given = outputs_of(run, self.layout, self.definition.outputs) if outcome == "succeeded" else {}
        self.run = replace(run, outcome=outcome, outputs=given, ended_at=self.now)
        self.commands.append(RunCommand("end"))


def _is_over(time: datetime | None, now: datetime) -> bool:
    return time is not None and time <= now
