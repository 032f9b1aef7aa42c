"""What is wrong with a definition that has the right shape: names, types, order, limits. All of it is told at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from pydantic import ValidationError

from hishamos_pipeline.core.artifacts.traceability import circle
from hishamos_pipeline.core.roles import ROLES
from hishamos_pipeline.core.text.suggesting import did_you_mean
from hishamos_pipeline.core.workflows.approvals import ROLE
from hishamos_pipeline.core.workflows.definitions import (
    MOST_STEPS,
    InputSpec,
    Trigger,
    WorkflowDefinition,
    WorkflowStep,
    duration,
)
from hishamos_pipeline.core.workflows.expressions import (
    ExpressionError,
    Names,
    check,
    filled,
    is_of,
    type_of,
)
from hishamos_pipeline.core.workflows.names import ELEMENT, FAILURE, before, of_run, of_steps
from hishamos_pipeline.core.workflows.step_types import StepType, Taken

Path = tuple[int | str, ...]
_DEEPEST, _MOST_LISTED = 4, 15
# Stands for whatever an expression comes to.
_WORKED_OUT = object()


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """What is wrong; ``path`` leads to it through the names of the text, ``of_key`` tells that a name is at fault."""

    path: Path
    text: str
    of_key: bool = False


def problems(definition: WorkflowDefinition, types: Mapping[str, StepType]) -> list[DefinitionProblem]:
    """Everything that is wrong with a definition, in the order of its text.

    Args:
        definition: what has been read.
        types: the kinds of steps that there are.
    """
    return list(_Checker(definition, types).found())


@dataclass(frozen=True, slots=True)
class _Checker:
    definition: WorkflowDefinition
    types: Mapping[str, StepType]

    def found(self) -> Iterator[DefinitionProblem]:
        base = of_run(self.definition)
        yield from self._of_inputs()
        yield from self._of_triggers(base)
        yield from self._twice()
        if concurrency := self.definition.concurrency:
            yield from _expression(concurrency.key, base, ("concurrency", "key"), "string")
        yield from self._of_steps(self.definition.steps, ("steps",), base, 1)
        every = {**base, **of_steps(self.definition.steps, self.types)}
        yield from self._of_steps(self.definition.on_failure, ("on_failure",), {**every, **FAILURE}, 1)
        yield from self._of_steps(self.definition.finally_, ("finally",), {**every, **FAILURE}, 1)
        for name, text in self.definition.outputs.items():
            yield from _expression(text, every, ("outputs", name))

    def _of_inputs(self) -> Iterator[DefinitionProblem]:
        for name, spec in self.definition.inputs.items():
            path = ("inputs", name)
            if spec.default is not None and spec.required:
                yield DefinitionProblem((*path, "required"), "has a default, and need not be given then")
            if spec.default is not None and not is_of(type_of(spec.default), spec.type):
                yield DefinitionProblem((*path, "default"), f"is no {spec.type}")
            if spec.choices and spec.type != "string":
                yield DefinitionProblem((*path, "choices"), "are for inputs of type string alone")
            elif spec.choices and spec.default is not None and spec.default not in spec.choices:
                yield DefinitionProblem((*path, "default"), "is none of the choices")

    def _of_triggers(self, base: Names) -> Iterator[DefinitionProblem]:
        names = {**base, "event": "map"}
        for index, trigger in enumerate(self.definition.triggers):
            path: Path = ("triggers", index)
            yield from _of_trigger(trigger, path)
            if trigger.filter:
                yield from _expression(trigger.filter, names, (*path, "filter"), "boolean")
            for name, value in trigger.inputs.items():
                if name not in self.definition.inputs:
                    yield DefinitionProblem(
                        (*path, "inputs", name), "is no input of the workflow", of_key=True
                    )
                else:
                    yield from _value(
                        value, self.definition.inputs[name].type, names, (*path, "inputs", name)
                    )

    def _twice(self) -> Iterator[DefinitionProblem]:
        """Ids that stand twice, and steps beyond how many there may be."""
        seen: set[str] = set()
        count = 0
        for root, steps in _roots(self.definition):
            for path, step in _all(steps, root):
                count += 1
                if step.id in seen:
                    yield DefinitionProblem((*path, "id"), f"{step.id!r} is the id of another step")
                seen.add(step.id)
                if count == MOST_STEPS + 1:
                    yield DefinitionProblem(path, f"is the step after {MOST_STEPS}, which are the most")

    def _of_steps(
        self, steps: Sequence[WorkflowStep], path: Path, names: Names, depth: int
    ) -> Iterator[DefinitionProblem]:
        """What is wrong with steps that stand beside one another; ``names`` are those from outside."""
        known = {step.id: step for step in steps}
        for index, step in enumerate(steps):
            for place, name in enumerate(step.depends_on):
                if name == step.id or name not in known:
                    why = (
                        "is the step itself"
                        if name == step.id
                        else _unknown("step beside this one", name, known)
                    )
                    yield DefinitionProblem((*path, index, "depends_on", place), why)
        yield from _circle(steps, path)
        above_of = before(steps)
        for index, step in enumerate(steps):
            above = [known[name] for name in above_of[step.id]]
            yield from self._of_step(
                step, above, (*path, index), {**names, **of_steps(above, self.types)}, depth
            )

    def _of_step(
        self, step: WorkflowStep, above: Sequence[WorkflowStep], path: Path, names: Names, depth: int
    ) -> Iterator[DefinitionProblem]:
        kind = self.types.get(step.type)
        if kind is None:
            yield DefinitionProblem((*path, "type"), _unknown("type of steps", step.type, self.types))
        if step.when:
            yield from _expression(step.when, names, (*path, "when"), "boolean")
        if kind is not None:
            yield from _of_given(step, kind, path, names)
        if step.on_changes:
            if step.type != "human_approval":
                yield DefinitionProblem(
                    (*path, "on_changes"), "is for steps of type human_approval alone", of_key=True
                )
            elif step.on_changes.rework not in {item.id for item in above}:
                yield DefinitionProblem(
                    (*path, "on_changes", "rework"), "is no step that comes before this one"
                )
        yield from self._of_inner(step, path, names, depth)

    def _of_inner(
        self, step: WorkflowStep, path: Path, names: Names, depth: int
    ) -> Iterator[DefinitionProblem]:
        has_inner = bool(step.branches or step.steps or step.for_each)
        if step.type == "parallel" and step.retry.max:
            yield DefinitionProblem((*path, "retry"), "is for the steps inside, not for the one around them")
        if step.type != "parallel":
            if has_inner:
                yield DefinitionProblem(
                    (*path, "type"), "has branches or steps of its own, which are for `parallel` alone"
                )
            return
        if bool(step.branches) == bool(step.for_each and step.steps):
            yield DefinitionProblem(path, "needs either `branches`, or `for_each` with `steps`")
        if depth == _DEEPEST:
            yield DefinitionProblem(path, f"is nested more than {_DEEPEST} deep")
            return
        for name, branch in step.branches.items():
            yield from self._of_steps(branch, (*path, "branches", name), names, depth + 1)
        if step.for_each:
            yield from _expression(step.for_each, names, (*path, "for_each"), "list")
            inside = {**names, **ELEMENT}
            yield from self._of_steps(step.steps, (*path, "steps"), inside, depth + 1)


def _of_trigger(trigger: Trigger, path: Path) -> Iterator[DefinitionProblem]:
    needed = {"event": "event", "schedule": "cron"}.get(trigger.by)
    if needed and not getattr(trigger, needed):
        yield DefinitionProblem(path, f"needs `{needed}`")
    if trigger.timezone not in available_timezones():
        yield DefinitionProblem(
            (*path, "timezone"), "is no time zone of the IANA database, such as `Europe/Berlin`"
        )


def _of_given(step: WorkflowStep, kind: StepType, path: Path, names: Names) -> Iterator[DefinitionProblem]:
    """What is wrong with what a step is given."""
    for name, value in step.given.items():
        if name not in kind.takes:
            yield DefinitionProblem(
                (*path, "with", name), _unknown(f"name that {kind.name} takes", name, kind.takes), of_key=True
            )
        else:
            yield from _of_value(value, kind.takes[name], names, (*path, "with", name))
    missing = [name for name, given in kind.takes.items() if given.required and name not in step.given]
    if missing:
        yield DefinitionProblem(path, f"lacks {', '.join(f'`with.{name}`' for name in missing)}")


def _of_value(value: Any, given: Taken, names: Names, path: Path) -> Iterator[DefinitionProblem]:
    if given.type == "duration":
        if isinstance(value, str) and "${{" in value:
            yield from _value(value, "any", names, path)
            return
        try:
            duration(value)
        except ValueError as error:
            yield DefinitionProblem(path, str(error))
        return
    if given.type == "filter":
        yield from _expression(str(value), {"event": "map"}, path, "boolean")
        return
    yield from _value(value, {"people": "list", "form": "map"}.get(given.type, given.type), names, path)
    if given.type == "people" and isinstance(value, list):
        yield from _of_people(value, path)
    if given.type == "form" and isinstance(value, dict):
        yield from _of_form(value, path)
    if given.choices and isinstance(value, str) and "${{" not in value and value not in given.choices:
        yield DefinitionProblem(path, f"is none of {', '.join(given.choices)}")


def _of_people(people: Sequence[Any], path: Path) -> Iterator[DefinitionProblem]:
    for place, one in enumerate(people):
        role = str(one).removeprefix(ROLE)
        if str(one).startswith(ROLE) and "${{" not in role and role not in ROLES:
            yield DefinitionProblem((*path, place), _unknown("role", role, dict.fromkeys(ROLES)))


def _of_form(form: Mapping[str, Any], path: Path) -> Iterator[DefinitionProblem]:
    """What is wrong with the fields of a form: each is as an input of a workflow."""
    for name, spec in form.items():
        try:
            InputSpec.model_validate(spec)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                said = str(one["msg"])
                yield DefinitionProblem((*path, name, *one["loc"]), f"{said[:1].lower()}{said[1:]}")


def _value(value: Any, wanted: str, names: Names, path: Path) -> Iterator[DefinitionProblem]:
    """What is wrong with a value: its expressions, and its type where that is known."""
    types: list[str] = []
    failed: list[str] = []

    def checked(text: str) -> object:
        try:
            types.append(check(text, names).type)
        except ExpressionError as error:
            failed.append(f"`{text[:60]}` {error}")
        return _WORKED_OUT

    whole: object = None
    try:
        whole = filled(value, checked)
    except ExpressionError as error:
        failed.append(str(error))
    yield from (DefinitionProblem(path, text) for text in failed)
    if failed:
        return
    kind = types[0] if whole is _WORKED_OUT else type_of(value)
    if not is_of(kind, wanted):
        yield DefinitionProblem(path, f"is of type {kind or 'null'}, and {wanted} is needed")


def _expression(text: str, names: Names, path: Path, wanted: str = "any") -> Iterator[DefinitionProblem]:
    try:
        check(text, names, wanted)
    except ExpressionError as error:
        yield DefinitionProblem(path, str(error))


def _roots(definition: WorkflowDefinition) -> Iterator[tuple[Path, Sequence[WorkflowStep]]]:
    yield ("steps",), definition.steps
    yield ("on_failure",), definition.on_failure
    yield ("finally",), definition.finally_


def _all(steps: Sequence[WorkflowStep], path: Path) -> Iterator[tuple[Path, WorkflowStep]]:
    """Steps with those inside them."""
    for index, step in enumerate(steps):
        here: Path = (*path, index)
        yield here, step
        for name, branch in step.branches.items():
            yield from _all(branch, (*here, "branches", name))
        yield from _all(step.steps, (*here, "steps"))


def _circle(steps: Sequence[WorkflowStep], path: Path) -> Iterator[DefinitionProblem]:
    found = circle({step.id: [name for name in step.depends_on if name != step.id] for step in steps})
    if found:
        index = [step.id for step in steps].index(found.partition(" ")[0])
        yield DefinitionProblem((*path, index, "depends_on"), f"goes in a circle: {found}")


def _unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    there = f"; there are {', '.join(sorted(known))}" if known and len(known) <= _MOST_LISTED else ""
    return f"{name!r} is no {what}{did_you_mean(name, known) or there}"
