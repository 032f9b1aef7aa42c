"""What the expressions of a workflow may speak of: names with their types."""

from collections.abc import Mapping, Sequence

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition, WorkflowStep
from hishamos_pipeline.core.workflows.expressions import Names
from hishamos_pipeline.core.workflows.step_types import StepType

# What a run is to its own expressions, and what whoever sent it back has said.
RUN: Names = {
    "run.id": "string",
    "run.owner": "string",
    "run.workflow": "string",
    "run.started_at": "string",
    "rework.round": "integer",
    "rework.by": "string",
    "rework.comment": "string",
    "rework.form": "map",
}
FAILURE: Names = {"failure.step": "string", "failure.cause": "string", "failure.message": "string"}
# What each element of a list is to the steps that run for it.
ELEMENT: Names = {"item": "any", "index": "integer"}
_STATE: Names = {"state": "string", "attempts": "integer"}


def of_run(definition: WorkflowDefinition) -> dict[str, str]:
    """Names that every expression of a workflow may say."""
    return {**{f"inputs.{name}": spec.type for name, spec in definition.inputs.items()}, **RUN}


def of_steps(steps: Sequence[WorkflowStep], types: Mapping[str, StepType]) -> dict[str, str]:
    """Names under which what steps give is known after them, those of their branches too."""
    found: dict[str, str] = {}
    for step in steps:
        kind = types.get(step.type)
        for name, given in {**_STATE, **(kind.gives if kind else {})}.items():
            found[f"steps.{step.id}.{name}"] = given
        for branch in step.branches.values():
            found |= of_steps(branch, types)
    return found


def before(steps: Sequence[WorkflowStep]) -> dict[str, set[str]]:
    """Of steps that stand beside one another, those that come before each, directly or not; in a circle, all of it."""
    needs = {step.id: step.depends_on for step in steps}
    found: dict[str, set[str]] = {}
    for name in needs:
        there, open_ = set[str](), list(needs[name])
        while open_:
            other = open_.pop()
            if other in needs and other not in there:
                there.add(other)
                open_ += needs[other]
        found[name] = there - {name}
    return found
