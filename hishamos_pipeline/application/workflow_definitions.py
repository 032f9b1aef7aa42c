"""Definitions of workflows: whether one is valid, and what they may say."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import Field

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.core.workflows.definitions import MOST_BYTES, WorkflowDefinition, WorkflowStep
from hishamos_pipeline.core.workflows.mermaid import mermaid
from hishamos_pipeline.core.workflows.step_types import BUILTIN, StepType
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.workflows.tables import VERSION_STATES


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


class WorkflowVersionView(View):
    """A numbered version of a workflow: a draft, published, or retired."""

    name: str
    number: int
    title: str
    type: str
    status: str
    sha256: str
    created_by: str
    created_at: datetime
    published_by: str
    published_at: datetime | None


class WorkflowVersionDetails(WorkflowVersionView):
    """A version with the text that its author has written."""

    source: str


class WorkflowTemplateView(View):
    """A workflow that comes with HishamOS, with its text: publish it as it is, or changed."""

    name: str
    title: str
    description: str
    type: str
    inputs: tuple[str, ...]
    source: str


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
        sha256=sha256_text(_content(found)),
        inputs=tuple(found.inputs),
        outputs=tuple(found.outputs),
        steps=tuple(_steps([*found.steps, *found.on_failure, *found.finally_], "")),
    )


@requires("projects.read")
def list_workflow_templates(services: Services, actor: Actor) -> tuple[WorkflowTemplateView, ...]:
    """The workflows that come with HishamOS."""
    from hishamos_pipeline.intake.workflows import read_workflow, templates

    found = {name: (read_workflow(text, BUILTIN), text) for name, text in templates().items()}
    return tuple(
        WorkflowTemplateView(
            name=name, title=made.title, description=made.description, type=made.type, inputs=tuple(made.inputs),
            source=text,
        )
        for name, (made, text) in found.items()
    )  # fmt: skip


@requires("projects.read")
def draw_workflow(services: Services, actor: Actor, name: str, number: int | None = None) -> str:
    """A version as a Mermaid flowchart.

    Raises:
        ArtifactMissingError: there is none.
    """
    version = services.store.workflow_versions.get(name, number)
    return mermaid(services.store.workflow_versions.definition(version.sha256))


@requires("workflows.run")
def save_workflow(services: Services, actor: Actor, command: CheckWorkflow) -> WorkflowVersionView:
    """Keep a workflow as the next version of its name, a draft; the same definition as the newest one adds none.

    Raises:
        InputError: it is not valid; every problem is told with where it stands.
    """
    from hishamos_pipeline.intake.workflows import read_workflow

    found = read_workflow(command.text, BUILTIN)
    content = _content(found)
    made = services.store.workflow_versions.add(found, content, sha256_text(content), command.text)
    return WorkflowVersionView.of(made)


@requires("workflows.publish")
def publish_workflow(services: Services, actor: Actor, name: str, number: int) -> WorkflowVersionView:
    """Publish a version: it is what runs are of from now on, unless they name another one.

    Raises:
        ArtifactMissingError: there is none.
    """
    return WorkflowVersionView.of(services.store.workflow_versions.publish(name, number))


@requires("workflows.publish")
def retire_workflow(services: Services, actor: Actor, name: str, number: int) -> WorkflowVersionView:
    """Have a version begin no run any more; runs that have begun go on.

    Raises:
        ArtifactMissingError: there is none.
    """
    return WorkflowVersionView.of(services.store.workflow_versions.retire(name, number))


@requires("projects.read")
def list_workflows(
    services: Services, actor: Actor, page: PageQuery, *, name: str = "", status: str = ""
) -> Page[WorkflowVersionView]:
    """A page of versions, the newest first: of a name or a status if they are named.

    Raises:
        InputError: there is no such status, or the page's order or cursor is none.
    """
    require_known("status", [status] if status else [], VERSION_STATES)
    found = services.store.workflow_versions.page(page, name=name, status=status)
    return Page.showing(found, WorkflowVersionView.of)


@requires("projects.read")
def show_workflow(
    services: Services, actor: Actor, name: str, number: int | None = None
) -> WorkflowVersionDetails:
    """A version with its text: that of a number, or the one that was published last, or else the newest.

    Raises:
        ArtifactMissingError: there is none.
    """
    return WorkflowVersionDetails.of(services.store.workflow_versions.get(name, number))


@requires("projects.read")
def list_step_types(services: Services, actor: Actor) -> tuple[StepTypeView, ...]:
    """The types of steps that workflows may have."""
    return tuple(map(_shown, BUILTIN.values()))


def _content(definition: WorkflowDefinition) -> str:
    return canonical_json(definition.model_dump(mode="json", by_alias=True))


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
