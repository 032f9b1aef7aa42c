"""The roles: listing and showing them, and giving one a task outside the chain of assets."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from hishamos_pipeline.agents.tasks import TASK_OF, Task
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import require, requires
from hishamos_pipeline.application.tokens import agent_token
from hishamos_pipeline.application.view import UseCaseInput, View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.calls.tables import OUTCOMES
from hishamos_pipeline.store.pages import PageQuery

_LONGEST_PATH = 500

if TYPE_CHECKING:
    from hishamos_pipeline.agents.api_caller import AgentAPICaller


class RoleView(View):
    """A role with the names of its tasks; ``source`` says where it is declared."""

    role: str
    purpose: str
    tasks: tuple[str, ...]
    source: str


class TaskView(View):
    """A task: what it is asked and answers, who would answer, and the scopes within which it may call the API."""

    task: str
    purpose: str
    input: tuple[str, ...]
    output: tuple[str, ...]
    models: tuple[str, ...]
    tools: tuple[str, ...]
    api: tuple[str, ...]
    conversation: bool
    prompt_version: str


class RoleDetails(View):
    """A role with its tasks."""

    role: str
    purpose: str
    source: str
    tasks: tuple[TaskView, ...]


class AssignTask(UseCaseInput):
    """A task for a role.

    Args:
        role: the role.
        task: one of its tasks.
        question: the fields of the task's question.
        project: the project that it is about; its costs are booked on it, and its own roles are known.
        conversation: name under which earlier turns are kept, and this one will be.
    """

    role: str
    task: str
    question: Mapping[str, Any] = Field(repr=False)
    project: str = ""
    conversation: str = ""


class TaskAnswer(View):
    """What a role has answered: by which model, at which cost, after which models had failed."""

    answer: dict[str, Any]
    model: str
    cached: bool
    cost_usd: float
    input_tokens: int
    output_tokens: int
    fell: tuple[str, ...]


class ExecutionView(View):
    """A call of a model: which role asked it for whom, how it ended, and what it took."""

    id: int
    project: str
    asset: str
    unit: str
    role: str
    task: str
    asked_by: str
    provider: str
    model: str
    prompt_version: str
    attempt: int
    outcome: str
    error: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float
    seconds: float
    started_at: datetime


class ExecutionDetails(ExecutionView):
    """A call with what was sent and what came back, as JSON; empty once retention has removed them."""

    request: str
    response: str


@requires("agents.read", project="project")
def list_executions(
    services: Services, actor: Actor, page: PageQuery, project: str = "", *, role: str = "", outcome: str = ""
) -> Page[ExecutionView]:
    """A page of calls of models, the newest first: of a project, a role or an outcome if they are named.

    Raises:
        ProjectNotFoundError: there is no such project.
        InputError: there is no such outcome, or the page's order or cursor is none.
    """
    require_known("outcome", [outcome] if outcome else [], OUTCOMES)
    found = services.store.executions.page(page, project=project, role=role, outcome=outcome)
    return Page.showing(found, ExecutionView.of)


@requires("agents.read")
def show_execution(services: Services, actor: Actor, execution: int) -> ExecutionDetails:
    """A call of a model with its texts, as far as retention keeps them.

    Raises:
        ArtifactMissingError: there is none.
    """
    found, request, response = services.store.executions.get(execution)
    if found.project:
        require(services, actor, "agents.read", found.project)
    return ExecutionDetails.of(found, request=request, response=response)


def note_call(services: Services, actor: Actor, operation: str, path: str) -> None:
    """Note in the audit log what an agent calls, before it is done; a right that it lacks is another entry."""
    about = {"operation": operation, "path": path[:_LONGEST_PATH], "task": actor.task}
    services.acting_as(actor).store.audit.record("api.call", actor.project or actor.organization, about)


@requires("agents.read", project="project")
def list_roles(services: Services, actor: Actor, project: str = "") -> list[RoleView]:
    """The roles, with those of a project's own folder.

    Raises:
        RoleError: a declaration cannot be read.
    """
    return [
        RoleView(role=r.name, purpose=r.purpose, tasks=tuple(t.name for t in r.tasks), source=r.source)
        for r in services.acting_as(actor).registry(project).roles
    ]


@requires("agents.read", project="project")
def show_role(services: Services, actor: Actor, role: str, project: str = "") -> RoleDetails:
    """A role: its tasks, what each is asked and answers, and who would answer.

    Raises:
        RoleError: there is no such role.
        ModelSetupError: a setting names no provider.
    """
    acting = services.acting_as(actor)
    found = acting.registry(project).role(role)
    tasks = tuple(_task(acting, project, role, task) for task in found.tasks)
    return RoleDetails(role=found.name, purpose=found.purpose, source=found.source, tasks=tasks)


def _task(services: Services, project: str, role: str, task: Task[Any, Any]) -> TaskView:
    from hishamos_pipeline.authoring.model_engine import chain

    models = tuple(str(ref) for ref in chain(services.settings, task)[0])
    # Tasks of the chain have the blueprint engine, the others nobody.
    without = "blueprint" if task in TASK_OF.values() else "none: set HISHAMOS_LLM"
    return TaskView(
        task=task.name,
        purpose=task.purpose,
        input=tuple(task.question.model_fields),
        output=tuple(task.answer.model_fields),
        models=models or (without,),
        tools=tuple(task.policy.tools),
        api=tuple(task.policy.api),
        conversation=task.policy.turns,
        prompt_version=services.library(project).version(role, task.name),
    )


def conversations_of(actor: Actor) -> str:
    """What the names of an actor's own conversations begin with in the store; empty for whoever has no account."""
    return f"{actor.user_id}/" if actor.user_id else ""


def _api(services: Services, actor: Actor, command: AssignTask, identity: str) -> "AgentAPICaller | None":
    """What calls the API for the actor, within the scopes of the task; ``None`` where there is nothing to call."""
    scopes = services.registry(command.project).role(command.role).task(command.task).policy.api
    if not scopes or services.api is None:
        return None
    from hishamos_pipeline.agents.api_caller import AgentAPICaller

    mint = partial(
        agent_token, services, actor, command.role, f"{command.task} {identity[:12]}", scopes, command.project
    )
    return AgentAPICaller(
        mint,
        app=services.api(),
        project=command.project,
        identity=identity,
        most_tokens=services.settings.llm_tool_tokens,
    )


@requires("agents.run", project="command.project")
async def assign_task(
    services: Services, actor: Actor, command: AssignTask, identity: str = ""
) -> TaskAnswer:
    """Have a role do a task.

    Args:
        services: the services.
        actor: whoever gives it.
        command: the task.
        identity: tells it from other ones in what it asks of the API: what was done for it once is not done again.

    Raises:
        RoleError: no such role or task, the question lacks something, or the task allows no conversation.
        ModelError: nobody gave a valid answer, or no model is set.
    """
    from hishamos_pipeline.generation.assignments import assign

    acting = services.acting_as(actor)
    result = await assign(
        acting,
        command.role,
        command.task,
        command.question,
        key=command.project,
        conversation=conversations_of(actor) + command.conversation if command.conversation else "",
        # Whoever gives the same task again wants it done again, though a model's answers may be kept.
        api=_api(acting, actor, command, identity or uuid.uuid4().hex),
    )
    return TaskAnswer(
        answer=result.output.model_dump(mode="json"),
        model=f"{result.provider}:{result.model}",
        cached=result.cached,
        cost_usd=result.cost_usd,
        input_tokens=result.input_tokens,
        output_tokens=result.output_tokens,
        fell=tuple(result.fell),
    )
