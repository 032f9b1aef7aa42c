"""The steps of a run: each begins, ends, fails, and begins again; what that means for those inside it, and outside."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.core.workflows.admission import delay_until, retry_at
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition, WorkflowStep, duration
from hishamos_pipeline.core.workflows.layout import Layout
from hishamos_pipeline.core.workflows.states import (
    ACTIVE,
    ENDED,
    Phase,
    RunCommand,
    RunCommandKind,
    RunState,
    StepState,
    WorkflowFailure,
)
from hishamos_pipeline.core.workflows.step_types import StepType, as_taken, given_problem, mismatches

# Bytes of JSON that a step takes or gives at most; what is larger is an artifact or a file, and passed by its name.
MOST_JSON_BYTES = 65_536
_SHORTEST_REMINDER = timedelta(minutes=1)


class RunSteps:
    """The steps of a run that is being changed, and what is to be done outside for it.

    Args:
        definition: the workflow.
        run: as it is.
        now: the time.
        types: the kinds of steps that there are.
    """

    def __init__(
        self, definition: WorkflowDefinition, run: RunState, now: datetime, types: Mapping[str, StepType]
    ) -> None:
        self.definition, self.run, self.now, self.types = definition, run, now, types
        self.layout = Layout(definition, types)
        self.commands: list[RunCommand] = []

    def _begin(self, step: WorkflowStep, key: str, given: dict[str, Any], items: list[Any]) -> None:
        """The next attempt of a step.

        Raises:
            ValueError: what it takes makes no sense.
        """
        kind, state, number = self.types[step.type], self.run.steps[key], self.run.begun + 1
        if size_of({**given, "items": items}) > MOST_JSON_BYTES:
            raise ValueError(f"what it takes is larger than {MOST_JSON_BYTES} bytes")
        given = as_taken(kind, given)
        if problem := given_problem(kind, given):
            raise ValueError(problem)
        times = _waiting_times(step.type, given, self.now)
        self.run = replace(self.run, begun=number)
        deadline = self.now + step.timeout if step.timeout else None
        self._set(
            key, attempt=number, tries=state.tries + 1, given=given, outputs={}, cause="", message="", not_before=None,
            started_at=self.now, ended_at=None, deadline=deadline, is_escalated=False, is_container=False,
            waits_for={}, **times,
        )  # fmt: skip
        if step.type == "condition":
            self._succeed(key, {"result": given["if"]})
        elif step.type == "parallel":
            held = {**given, "items": items} if step.for_each else given
            self._set(key, state="running", is_container=True, given=held)
            for name in chain.from_iterable(lane.keys for lane in self.layout.lanes(self.run.steps[key])):
                self._set_new(name)
        elif kind.waits:
            self._set(key, state="waiting")
            if step.type != "delay":
                self._command("open", self.run.steps[key])
        else:
            self._set(key, state="ready")

    def _succeed(self, key: str, outputs: Mapping[str, Any]) -> None:
        problem = mismatches(self.types[self.layout.step(self.run.steps[key].id).type], outputs)
        if not problem and (size := size_of(outputs)) > MOST_JSON_BYTES:
            problem = f"what it gives has {size} bytes, {MOST_JSON_BYTES} are the most"
        if problem:
            self._fail(key, "outputs", problem)
        else:
            self._end_as(key, "succeeded", outputs=dict(outputs))

    def _fail(self, key: str, cause: str, message: str) -> None:
        state = self.run.steps[key]
        step = self.layout.step(state.id)
        self._end_inside(state, "the step around it has failed")
        if again := retry_at(step.retry, state, cause, self.now):
            self._set(key, state="pending", cause=cause, message=message, not_before=again, ended_at=self.now,
                      deadline=None, expires_at=None, remind_at=None)  # fmt: skip
            return
        self._end_as(key, "failed", cause=cause, message=message)
        is_ours = not self.layout.container_of(state)
        if is_ours and self.run.failure is None and self._is_final(self.run.steps[key]):
            self.run = replace(self.run, failure=WorkflowFailure(key, cause, message))

    def _end_early(self, key: str, why: str) -> None:
        """A step, with all that it holds, ends before it has done what it was to do."""
        if self.run.steps[key].state in ACTIVE:
            self._stop(key)
        self._end_inside(self.run.steps[key], why)
        self._end_as(key, "cancelled", message=why)

    def _end_inside(self, state: StepState, why: str) -> None:
        for inner in self._inside(state):
            if self.run.steps[inner].state not in ENDED:
                self._end_early(inner, why)

    def _inside(self, state: StepState) -> Iterator[str]:
        """The keys of what a step holds."""
        if state.is_container:
            for lane in self.layout.lanes(state):
                yield from (key for key in lane.keys if key in self.run.steps)

    def _end_as(self, key: str, state: str, **changes: Any) -> None:
        self._set(
            key, state=state, ended_at=self.now, deadline=None, expires_at=None, remind_at=None, **changes
        )

    def _set(self, key: str, **changes: Any) -> None:
        self.run = self.run.with_step(key, **changes)

    def _set_new(self, key: str) -> None:
        """A step that has not begun; one that has begun before keeps the numbers of that."""
        known = self.run.steps.get(key)
        state = fresh(known) if known else StepState(key)
        self.run = replace(self.run, steps={**self.run.steps, key: state})

    def _stop(self, key: str) -> None:
        state = self.run.steps[key]
        if state.is_container or not state.attempt:
            return
        self._command("stop", state)
        if state.state == "running" and self._costs(state):  # what it has cost so far, nobody will say
            self.run = replace(self.run, unpriced=(*self.run.unpriced, state.key))

    def _costs(self, state: StepState) -> bool:
        return self.types[self.layout.step(state.id).type].costs

    def _command(self, kind: RunCommandKind, state: StepState) -> None:
        self.commands.append(RunCommand(kind, state.key, state.attempt, state.waits_for))

    def _again(self, key: str, *, is_new_round: bool = False, keep_inside: bool = False) -> None:
        """A step is to begin again; what it holds too, or, where that is kept, what of it has not ended well."""
        if (state := self.run.steps.get(key)) is None:
            return
        if state.is_container and keep_inside:
            self._set(key, state="running", cause="", message="", ended_at=None)
            return
        if state.state in ACTIVE:
            self._stop(key)
        for inner in self._inside(state):
            self._again(inner, is_new_round=is_new_round)
        self.run = replace(self.run, steps={**self.run.steps, key: fresh(state, is_new_round=is_new_round)})

    def _retry(self) -> None:
        self._reopen()
        lost = {state.id for state in self.run.steps.values() if self._is_lost(state)}
        after = set(chain.from_iterable(map(self.layout.dependents, lost)))
        for key, state in self.run.steps.items():
            if state.id in after and state.state == "skipped":
                self._again(key)
        self._again_lost()

    def _rerun(self, step: str) -> None:
        self._reopen()
        for name in (step, *self.layout.dependents(step)):
            for key in [key for key, state in self.run.steps.items() if state.id == name]:
                self._again(key, is_new_round=True)
        self._again_lost()

    def _again_lost(self) -> None:
        for key, state in self.run.steps.items():
            if self._is_lost(state):
                self._again(key, keep_inside=True)

    def _is_lost(self, state: StepState) -> bool:
        """Whether a step has not ended well, and the run did not go on after it."""
        return state.state == "cancelled" or self._is_final(state)

    def _is_final(self, state: StepState) -> bool:
        """Whether a step has failed so that nothing goes on after it; nothing does where the money is spent."""
        goes_on = self.layout.step(state.id).continue_on_failure and state.cause != "budget"
        return state.state == "failed" and not goes_on

    def _reopen(self) -> None:
        """The run as it was before its end; steps that its definition has no more are left out."""
        steps = {key: state for key, state in self.run.steps.items() if state.id in self.layout}
        for key, state in steps.items():
            if self.layout.phase_of(state.id) != "steps" or self._is_another(state):
                steps[key] = fresh(state, is_new_round=True)
        self.run = replace(
            self.run,
            steps=steps,
            outcome="",
            failure=None,
            ended_at=None,
            is_paused=False,
            outputs={},
            started_at=self.now,
        )
        self._enter("steps")

    def _is_another(self, state: StepState) -> bool:
        """Whether a step holds others as its definition says no more."""
        step = self.layout.step(state.id)
        held = (step.type == "parallel", bool(step.for_each))
        return state.is_container and held != (True, "items" in state.given)

    def _enter(self, phase: Phase) -> None:
        self.run = replace(self.run, phase=phase)
        for step in self.layout.steps_of(phase):
            if step.id not in self.run.steps:
                self._set_new(step.id)


def fresh(state: StepState, *, is_new_round: bool = False) -> StepState:
    """A step that is to begin, with the numbers of what it was."""
    return StepState(
        state.key, attempt=state.attempt, round=state.round + is_new_round, reworks=state.reworks
    )


def _waiting_times(kind: str, given: Mapping[str, Any], now: datetime) -> dict[str, datetime | None]:
    """When what a step waits for is over, and when somebody is reminded.

    Raises:
        ValueError: its durations make no sense.
    """
    if kind == "delay":
        return {"expires_at": delay_until(given, now), "remind_at": None}
    if given.get("remind") is not None and duration(given["remind"]) < _SHORTEST_REMINDER:
        raise ValueError("`remind` is shorter than a minute")
    times = {
        name: duration(given[said]) if given.get(said) is not None else None
        for name, said in (("expires_at", "expires"), ("remind_at", "remind"))
    }
    return {name: now + length if length else None for name, length in times.items()}


def size_of(value: Any) -> int:
    """The bytes of a value as JSON."""
    return len(canonical_json(value).encode())
