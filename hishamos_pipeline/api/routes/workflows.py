"""Workflows: their definitions and versions, runs, and what people are to decide."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import Name, Number, ProjectFilter, RequestBody, SearchParameters
from hishamos_pipeline.api.route import ResourceRoute
from hishamos_pipeline.application import human_tasks, workflow_definitions, workflow_runs
from hishamos_pipeline.application.human_tasks import HumanTaskView
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.workflow_definitions import (
    CheckedWorkflow,
    CheckWorkflow,
    StepTypeView,
    WorkflowTemplateView,
    WorkflowVersionDetails,
    WorkflowVersionView,
)
from hishamos_pipeline.application.workflow_runs import WorkflowRunDetails, WorkflowRunView
from hishamos_pipeline.core.workflows.definitions import MOST_BYTES

router = APIRouter(prefix="/workflows", tags=["workflows"], route_class=ResourceRoute, dependencies=KNOWN)


class WorkflowText(RequestBody):
    """The text of a workflow, in YAML or JSON."""

    text: Annotated[str, Field(min_length=1, max_length=MOST_BYTES)]


class NewWorkflowRun(RequestBody):
    """A run of a workflow: of its published version unless one is named."""

    workflow: Annotated[str, Field(min_length=1, max_length=63)]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    project: Annotated[str, Field(max_length=63)] = ""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0


class RunCancellation(RequestBody):
    """Why a run is cancelled."""

    reason: Annotated[str, Field(max_length=500)] = ""


class RunRetry(RequestBody):
    """From which step a run goes on, if not from what has failed, and by which version, if not by its own."""

    step: Annotated[str, Field(max_length=50)] = ""
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class TaskDecision(RequestBody):
    """A decision with its reason, and the fields of the form."""

    decision: Literal["approve", "reject", "changes"]
    comment: Annotated[str, Field(max_length=4000)] = ""
    form: dict[str, Any] = Field(default_factory=dict)


@router.get("")
def list_workflows(
    caller: Caller,
    page: SearchParameters,
    name: Annotated[str, Query(max_length=63, description="Only versions of this workflow.")] = "",
    status: Annotated[
        str, Query(max_length=20, description="Only those that are so, such as `published`.")
    ] = "",
) -> Page[WorkflowVersionView]:
    """List versions of workflows, the newest first; sorted by `id` or `name`."""
    return workflow_definitions.list_workflows(caller.services, caller.actor, page, name=name, status=status)


@router.post("", status_code=201)
def save_workflow(caller: Caller, body: WorkflowText) -> WorkflowVersionView:
    """Keep a workflow as the next version of its name, a draft."""
    return workflow_definitions.save_workflow(caller.services, caller.actor, CheckWorkflow(text=body.text))


@router.post("/check")
def check_workflow(caller: Caller, body: WorkflowText) -> CheckedWorkflow:
    """Check a workflow; nothing is kept."""
    return workflow_definitions.check_workflow(caller.services, caller.actor, CheckWorkflow(text=body.text))


@router.get("/templates")
def list_workflow_templates(caller: Caller) -> tuple[WorkflowTemplateView, ...]:
    """List the workflows that come with HishamOS, with their texts."""
    return workflow_definitions.list_workflow_templates(caller.services, caller.actor)


@router.get("/step-types")
def list_step_types(caller: Caller) -> tuple[StepTypeView, ...]:
    """List the types of steps that workflows may have."""
    return workflow_definitions.list_step_types(caller.services, caller.actor)


@router.get("/runs")
def list_workflow_runs(
    caller: Caller,
    page: SearchParameters,
    project: ProjectFilter = "",
    workflow: Annotated[str, Query(max_length=63, description="Only runs of this workflow.")] = "",
    state: Annotated[
        str, Query(max_length=20, description="Only those that are so, such as `waiting`.")
    ] = "",
) -> Page[WorkflowRunView]:
    """List runs, the newest first; sorted by `id` or `priority`."""
    return workflow_runs.list_workflow_runs(
        caller.services, caller.actor, page, project, workflow=workflow, state=state
    )


@router.post("/runs", status_code=201)
def start_workflow(
    caller: Caller, request: Request, response: Response, body: NewWorkflowRun
) -> WorkflowRunDetails:
    """Begin a run; its steps are done in the background."""
    command = workflow_runs.StartWorkflow(**body.model_dump())
    found = workflow_runs.start_workflow(caller.services, caller.actor, command)
    request.app.state.workers.wake()
    response.headers["Location"] = f"{request.url.path}/{found.id}"
    return found


@router.get("/runs/{number}")
def read_workflow_run(caller: Caller, number: Number) -> WorkflowRunDetails:
    """Read a run: its steps and their tries, what it gave and took."""
    return workflow_runs.show_workflow_run(caller.services, caller.actor, number)


@router.post("/runs/{number}/pause")
def pause_workflow_run(caller: Caller, number: Number) -> WorkflowRunDetails:
    """Have no step begin any more; what runs ends."""
    return workflow_runs.pause_workflow_run(caller.services, caller.actor, number)


@router.post("/runs/{number}/resume")
def resume_workflow_run(caller: Caller, request: Request, number: Number) -> WorkflowRunDetails:
    """Have steps begin again."""
    found = workflow_runs.resume_workflow_run(caller.services, caller.actor, number)
    request.app.state.workers.wake()
    return found


@router.post("/runs/{number}/cancel")
def cancel_workflow_run(
    caller: Caller, request: Request, number: Number, body: RunCancellation
) -> WorkflowRunDetails:
    """End a run: what runs is stopped, its last steps run; a second time ends those, too."""
    found = workflow_runs.cancel_workflow_run(caller.services, caller.actor, number, body.reason)
    request.app.state.workers.wake()
    return found


@router.post("/runs/{number}/retry")
def retry_workflow_run(
    caller: Caller, request: Request, number: Number, body: RunRetry
) -> WorkflowRunDetails:
    """Have a run that has ended go on, from what has failed, or again from a step."""
    command = workflow_runs.RetryRun(run=number, step=body.step, version=body.version)
    found = workflow_runs.retry_workflow_run(caller.services, caller.actor, command)
    request.app.state.workers.wake()
    return found


@router.get("/inbox")
def list_inbox(caller: Caller) -> tuple[HumanTaskView, ...]:
    """List what waits for your decision, the oldest first."""
    return human_tasks.inbox(caller.services, caller.actor)


@router.get("/tasks/{number}")
def read_human_task(caller: Caller, number: Number) -> HumanTaskView:
    """Read what people are to decide, and what was decided of it."""
    return human_tasks.show_human_task(caller.services, caller.actor, number)


@router.post("/tasks/{number}/decide")
def decide_human_task(caller: Caller, request: Request, number: Number, body: TaskDecision) -> HumanTaskView:
    """Decide; the run goes on at once if that was the last decision it waits for."""
    command = human_tasks.DecideTask(task=number, **body.model_dump())
    found = human_tasks.decide(caller.services, caller.actor, command)
    request.app.state.workers.wake()
    return found


@router.get("/{name}")
def read_workflow(
    caller: Caller,
    name: Name,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="This version.")] = None,
) -> WorkflowVersionDetails:
    """Read a version with its text: by default the one that was published last."""
    return workflow_definitions.show_workflow(caller.services, caller.actor, name, version)


@router.post("/{name}/versions/{number}/publish")
def publish_workflow(caller: Caller, name: Name, number: Number) -> WorkflowVersionView:
    """Publish a version: it is what runs are of from now on."""
    return workflow_definitions.publish_workflow(caller.services, caller.actor, name, number)


@router.post("/{name}/versions/{number}/retire")
def retire_workflow(caller: Caller, name: Name, number: Number) -> WorkflowVersionView:
    """Have a version begin no run any more."""
    return workflow_definitions.retire_workflow(caller.services, caller.actor, name, number)
