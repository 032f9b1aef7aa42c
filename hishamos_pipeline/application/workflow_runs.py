"""Runs of workflows: begun, looked at, paused, cancelled, retried."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from hishamos_pipeline.accounts.tokens import SESSION
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import require, requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.layout import Layout
from hishamos_pipeline.core.workflows.mermaid import mermaid
from hishamos_pipeline.core.workflows.starting import complete_inputs, concurrency_key
from hishamos_pipeline.core.workflows.states import (
    ENDED,
    Cancelled,
    Event,
    Paused,
    Rerun,
    Resumed,
    Retried,
    RunState,
    StepState,
)
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.errors import ArtifactMissingError, ForbiddenError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.workflows.records import NewRun, WorkflowRun, WorkflowVersion
from hishamos_pipeline.store.workflows.tables import RUN_STATES


class StartWorkflow(UseCaseInput):
    """A run of a workflow: of its published version, or of one by its number.

    Args:
        workflow: its name.
        version: a number.
        inputs: what it is started with.
        project: the project that it is about.
        priority: steps of runs with a higher one are done first.
    """

    workflow: str
    version: int | None = Field(None, ge=1)
    inputs: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    project: str = ""
    priority: int = Field(0, ge=-100, le=100)


class RetryRun(UseCaseInput):
    """A run that goes on after its end: from what has failed, or again from a step, by its own or another version."""

    run: int
    step: str = ""
    version: int | None = Field(None, ge=1)


class WorkflowRunView(View):
    """A run: of what, whose, and how it stands."""

    id: int
    workflow: str
    version: int
    type: str
    project: str
    priority: int
    state: str
    owner: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RunStateView(View):
    """A step of a run: what it does, how often it was tried, and why it ended as it did."""

    key: str
    state: str
    tries: int
    round: int
    cause: str
    message: str
    outputs: dict[str, Any]
    started_at: datetime | None
    ended_at: datetime | None


class WorkflowAttemptView(View):
    """One try of a step."""

    number: int
    key: str
    state: str
    cause: str
    message: str
    worker: str
    began_at: datetime
    ended_at: datetime | None


class RunDecisionView(View):
    """What somebody has decided in a run: at which step, and in which of its attempts."""

    step: str
    attempt: int
    person: str
    decision: str
    comment: str
    at: datetime


class WorkflowRunDetails(WorkflowRunView):
    """A run with its inputs and outputs, its steps and their tries, and what it has taken.

    ``done`` of ``count`` steps have ended; ``usd`` is ``None`` where nobody knows what some of them cost.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    phase: str
    failure: str
    done: int
    count: int
    usd: float | None
    tokens: int
    steps: tuple[RunStateView, ...]
    attempts: tuple[WorkflowAttemptView, ...]
    decisions: tuple[RunDecisionView, ...]


@requires("workflows.run", project="command.project")
def start_workflow(services: Services, actor: Actor, command: StartWorkflow) -> WorkflowRunDetails:
    """Begin a run; it may wait for others with the same key.

    Raises:
        ArtifactMissingError: there is no such workflow, or no version of it is published.
        ProjectNotFoundError: there is no such project.
        ForbiddenError: the version is a draft, and the actor may publish none.
        InputError: inputs are missing, unknown or of another type, or too many runs have the same key.
    """
    store = services.store
    if command.project:
        store.projects.get(command.project)
    version, definition = _version(services, actor, command.workflow, command.version)
    given = dict(command.inputs)
    if command.project and "project" in definition.inputs:
        given.setdefault("project", command.project)
    inputs = complete_inputs(definition, given)
    new = NewRun(
        version.name,
        version.number,
        version.sha256,
        version.type,
        inputs,
        project=command.project or _project_of(services, inputs) or actor.project,
        priority=command.priority,
        scopes=_scopes(actor),
        known_by=_known_by(services, actor),
        only_project=actor.project,
        concurrency_key=concurrency_key(definition, actor.responsible, inputs),
    )
    if new.project or actor.project:
        require(services, actor, "workflows.run", new.project or actor.project)
    return _details(services, store.workflow_runs.start(new, definition.concurrency))


@requires("projects.read", project="project")
def list_workflow_runs(
    services: Services,
    actor: Actor,
    page: PageQuery,
    project: str = "",
    *,
    workflow: str = "",
    state: str = "",
) -> Page[WorkflowRunView]:
    """A page of runs, the newest first: of a project, a workflow or a state if they are named.

    Raises:
        InputError: there is no such state, or the page's order or cursor is none.
    """
    require_known("state", [state] if state else [], RUN_STATES)
    found = services.store.workflow_runs.page(page, workflow=workflow, state=state, project=project)
    return Page.showing(found, WorkflowRunView.of)


@requires("projects.read")
def show_workflow_run(services: Services, actor: Actor, run: int) -> WorkflowRunDetails:
    """A run with its steps.

    Raises:
        ArtifactMissingError: there is none.
    """
    return _details(services, _seen(services, actor, run))


@requires("projects.read")
def draw_workflow_run(services: Services, actor: Actor, run: int) -> str:
    """A run as a Mermaid flowchart, its steps coloured by their states.

    Raises:
        ArtifactMissingError: there is none.
    """
    found = _seen(services, actor, run)
    return mermaid(services.store.workflow_versions.definition(found.sha256), found.run)


@requires("projects.read")
def pause_workflow_run(services: Services, actor: Actor, run: int) -> WorkflowRunDetails:
    """Have no step begin any more; what runs ends.

    Raises:
        ArtifactMissingError: there is no such run.
        UsageError: it has ended.
    """
    return _tell(services, actor, run, Paused())


@requires("projects.read")
def resume_workflow_run(services: Services, actor: Actor, run: int) -> WorkflowRunDetails:
    """Have steps begin again.

    Raises:
        ArtifactMissingError: there is no such run.
        UsageError: it has ended.
    """
    return _tell(services, actor, run, Resumed())


@requires("projects.read")
def cancel_workflow_run(services: Services, actor: Actor, run: int, reason: str = "") -> WorkflowRunDetails:
    """End a run: what runs is stopped, its last steps run; a second time ends those, too.

    Raises:
        ArtifactMissingError: there is no such run.
        UsageError: it has ended.
    """
    return _tell(services, actor, run, Cancelled(actor.responsible, reason[:500]))


@requires("projects.read")
def retry_workflow_run(services: Services, actor: Actor, command: RetryRun) -> WorkflowRunDetails:
    """Have a run that has ended go on, from what has not ended well, or from a step.

    Raises:
        ArtifactMissingError: there is no such run, or no such version.
        ForbiddenError: it is somebody else's.
        UsageError: it has not ended, has succeeded and no step is named, or there is no such step.
    """
    found = _mine(services, actor, command.run)
    if found.owner != actor.responsible:
        raise ForbiddenError(
            f"run {command.run} is of {found.owner}, whose rights it has: begin one of your own"
        )
    if found.state not in ENDED:
        raise UsageError(f"run {command.run} is {found.state}: what has not ended cannot be retried")
    if found.state == "succeeded" and not command.step:
        raise UsageError(f"run {command.run} has succeeded: name the step from which it is run again")
    version, sha256 = found.version, found.sha256
    if command.version:
        other, _ = _version(services, actor, found.workflow, command.version)
        version, sha256 = other.number, other.sha256
    definition = services.store.workflow_versions.definition(sha256)
    if command.step and not Layout(definition, BUILTIN).is_first_level(command.step):
        known = ", ".join(step.id for step in definition.steps)
        raise UsageError(
            f"a run is run again from one of its own steps, and {command.step!r} is none: {known}"
        )
    event = Rerun(command.step) if command.step else Retried()
    return _details(
        services,
        services.store.workflow_runs.repin(
            command.run,
            version,
            sha256,
            event,
            scopes=_scopes(actor),
            known_by=_known_by(services, actor),
            only_project=actor.project,
        ),
    )


def _version(
    services: Services, actor: Actor, name: str, number: int | None
) -> tuple[WorkflowVersion, WorkflowDefinition]:
    """A version that the actor may run."""
    versions = services.store.workflow_versions
    version = versions.get(name, number)
    if version.status == "retired" or (number is None and version.status != "published"):
        raise ArtifactMissingError(
            f"workflow {name!r} has no published version: see `hishamos workflows list`"
        )
    if version.status == "draft":
        require(services, actor, "workflows.publish")
    return version, versions.definition(version.sha256)


def _seen(services: Services, actor: Actor, run: int) -> WorkflowRun:
    found = services.store.workflow_runs.get(run)
    if found.project:
        require(services, actor, "projects.read", found.project)
    return found


def _mine(services: Services, actor: Actor, run: int) -> WorkflowRun:
    found = services.store.workflow_runs.get(run)
    require(services, actor, "workflows.run", found.project)
    return found


def _scopes(actor: Actor) -> str:
    return "" if actor.scopes is None else ",".join(sorted(actor.scopes))


def _known_by(services: Services, actor: Actor) -> str:
    """What a person has shown; a session ends long before a run does, and only logging out everywhere ends that."""
    if actor.known_by.startswith(f"{SESSION}:"):
        return f"access:{services.store.clock.now().isoformat()}"
    return actor.known_by


def _tell(services: Services, actor: Actor, run: int, event: Event) -> WorkflowRunDetails:
    """Tell a run that has not ended what somebody wants of it."""
    found = _mine(services, actor, run)
    if found.state in ENDED:
        raise UsageError(f"run {run} has ended: it is {found.state}")
    return _details(services, services.store.workflow_runs.happen(run, event))


def _project_of(services: Services, inputs: Mapping[str, Any]) -> str:
    """The project that a run is about, if one of its inputs is called so and names one."""
    key = inputs.get("project")
    return key if isinstance(key, str) and key and services.store.projects.exists(key) else ""


def _details(services: Services, found: WorkflowRun) -> WorkflowRunDetails:
    run = found.run
    shown = [state for state in run.steps.values() if not state.is_container]
    return WorkflowRunDetails.of(
        found,
        started_at=run.started_at,
        ended_at=run.ended_at,
        inputs=dict(run.inputs),
        outputs=dict(run.outputs),
        phase=run.phase,
        failure=_failure(run),
        done=sum(state.state in ENDED for state in shown),
        count=len(shown),
        usd=None if run.unpriced else run.usd,
        tokens=run.tokens,
        steps=tuple(map(_step, run.steps.values())),
        attempts=tuple(
            WorkflowAttemptView.of(attempt) for attempt in services.store.workflow_runs.attempts(found.id)
        ),
        decisions=tuple(
            RunDecisionView.of(decision, step=task.key, attempt=task.attempt)
            for task, decision in services.store.human_tasks.decided_in(found.id)
        ),
    )


def _step(state: StepState) -> RunStateView:
    return RunStateView.of(state, outputs=dict(state.outputs))


def _failure(run: RunState) -> str:
    failure = run.failure
    return f"{failure.step or 'the run'}: {failure.cause}: {failure.message}" if failure else ""
