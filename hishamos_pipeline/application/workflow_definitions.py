"""Definitions of workflows: whether one is valid, and what they may say."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.core.workflows.definitions import MOST_BYTES, WorkflowStep
from hishamos_pipeline.core.workflows.step_types import BUILTIN, StepType
from hishamos_pipeline.generation.services import Services


class CheckWorkflow(UseCaseInput):
    """The text of a workflow, in YAML or JSON."""

    text: str = Field(min_length=1, max_length=MOST_BYTES)


class WorkflowStepView(View):
    """A step; ``inside`` is the id of the step that runs it in its branches or for each element, if there is one."""

    id: str
    type: str
    title: str
    depends_on: tuple[str, ...]
    inside: str


class CheckedWorkflow(View):
    """A workflow that is valid; ``sha256`` is the same for the same definition, however it is written down."""

    workflow: str
    title: str
    type: str
    sha256: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[WorkflowStepView, ...]


class StepTypeView(View):
    """A type of steps: what it takes, with ``*`` for what it needs, and what it gives, each with its type."""

    name: str
    description: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    is_heavy: bool
    waits: bool


@requires("projects.read")
def check_workflow(services: Services, actor: Actor, command: CheckWorkflow) -> CheckedWorkflow:
    """Check a workflow; nothing is kept.

    Raises:
        InputError: it is not valid; every problem is told with where it stands.
    """
    from hishamos_pipeline.intake.workflows import read_workflow

    found = read_workflow(command.text, BUILTIN)
    return CheckedWorkflow(
        workflow=found.workflow,
        title=found.title,
        type=found.type,
        sha256=sha256_text(canonical_json(found.model_dump(mode="json", by_alias=True))),
        inputs=tuple(found.inputs),
        outputs=tuple(found.outputs),
        steps=tuple(_steps([*found.steps, *found.on_failure, *found.finally_], "")),
    )


@requires("projects.read")
def list_step_types(services: Services, actor: Actor) -> tuple[StepTypeView, ...]:
    """The types of steps that workflows may have."""
    return tuple(map(_shown, BUILTIN.values()))


def _steps(steps: Sequence[WorkflowStep], inside: str) -> Iterator[WorkflowStepView]:
    for step in steps:
        yield WorkflowStepView(
            id=step.id, type=step.type, title=step.title, depends_on=step.depends_on, inside=inside
        )
        yield from _steps(list(step.inner), step.id)


def _shown(kind: StepType) -> StepTypeView:
    return StepTypeView(
        name=kind.name,
        description=kind.description,
        takes=tuple(f"{name}{'*' * given.required}: {given.type}" for name, given in kind.takes.items()),
        gives=tuple(f"{name}: {type_}" for name, type_ in kind.gives.items()),
        is_heavy=kind.is_heavy,
        waits=kind.waits,
    )
