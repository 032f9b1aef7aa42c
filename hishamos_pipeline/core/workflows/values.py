"""What the expressions of a step come to, given what its run has come to so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hishamos_pipeline.core.workflows.expressions import ExpressionError, Names, evaluate, filled, is_true
from hishamos_pipeline.core.workflows.layout import Layout
from hishamos_pipeline.core.workflows.states import RunState, StepState, key_of

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Values:
    """What is known at a place of a run.

    Args:
        run: the run as it is.
        layout: of its definition.
        names: what may be spoken of there, with types.
        indices: the places in the lists of the steps around.
        around: the key of the step whose list gives ``item``; empty outside of any.
    """

    run: RunState
    layout: Layout
    names: Names
    indices: tuple[int, ...] = ()
    around: str = ""

    def evaluate(self, text: str) -> Any:
        """The value of an expression.

        Raises:
            ExpressionError: it has none.
        """
        names, values = self._mentioned(text)
        return evaluate(text, names, values)

    def holds(self, text: str) -> bool:
        """Whether a condition holds.

        Raises:
            ExpressionError: it cannot be said.
        """
        return is_true(text, *self._mentioned(text))

    def filled(self, value: Any) -> Any:
        """A value with its expressions worked out.

        Raises:
            ExpressionError: one has no value.
        """
        return filled(value, self.evaluate)

    def _mentioned(self, text: str) -> tuple[Names, Mapping[str, Any]]:
        """The names that a text holds, and those of them that have a value."""
        names = {name: kind for name, kind in self.names.items() if name in text}
        values = {name: self._value(name) for name in names}
        return names, {name: _typed(v, names[name]) for name, v in values.items() if _has(v, names[name])}

    def _value(self, name: str) -> Any:
        room, _, rest = name.partition(".")
        run = self.run
        if room == "inputs":
            return run.inputs.get(rest, _ABSENT)
        if room == "steps":
            return self._of_step(*rest.split(".", 1))
        if room in ("item", "index"):
            index = self.indices[-1]
            return index if room == "index" else run.steps[self.around].given["items"][index]
        if room == "failure":
            return getattr(run.failure, rest) if run.failure else ""
        if room == "rework":
            return getattr(run.feedback, rest)
        started = run.started_at.isoformat() if run.started_at else ""
        return {"id": run.id, "owner": run.owner, "workflow": run.workflow, "started_at": started}[rest]

    def _of_step(self, step: str, field: str) -> Any:
        state = self.run.steps.get(key_of(step, self.indices[: self.layout.loops(step)]))
        if field == "state":
            return state.state if state else "pending"
        if field == "attempts":
            return state.tries if state else 0
        return state.outputs.get(field, _ABSENT) if state else _ABSENT


def values_at(run: RunState, layout: Layout, state: StepState) -> Values:
    """What is known where a step begins."""
    around = state
    while container := layout.container_of(around):
        around = run.steps[container]
        if layout.step(around.id).for_each:
            break
    else:
        around = state
    inside = around.key if around is not state else ""
    return Values(run, layout, layout.names(state.id), state.indices, inside)


def outputs_of(run: RunState, layout: Layout, texts: Mapping[str, str]) -> dict[str, Any]:
    """What a run gives at its end; what has no value, such as that of a step which was skipped, is ``None``."""
    values = Values(run, layout, layout.names_at_the_end())
    found: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            found[name] = values.evaluate(text)
        except ExpressionError:
            found[name] = None
    return found


def _has(value: Any, kind: str) -> bool:
    return value is not _ABSENT and (value is not None or kind == "any")


def _typed(value: Any, kind: str) -> Any:
    return float(value) if kind == "number" else value
