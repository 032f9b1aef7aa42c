"""Tasks for roles that are done in the background: written down, asked for, followed, cancelled, in families."""

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import Field

from hishamos_pipeline.application.agents import AssignTask, TaskAnswer, assign_task
from hishamos_pipeline.application.later_work import Asker, until_it_is_not_to_go_on
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import require, requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.errors import ForbiddenError, HishamosError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.agent_tasks.records import AgentTask, ClaimedTask, TaskEnd
from hishamos_pipeline.store.agent_tasks.tables import TASK_STATES
from hishamos_pipeline.store.pages import PageQuery

log = logging.getLogger("hishamos.agents")
_BEAT_SECONDS = 5.0


class CreateAgentTask(UseCaseInput):
    """A task for a role, to be done later.

    Args:
        role: the role.
        task: one of its tasks.
        question: the fields of the task's question.
        project: the project that it is about.
        conversation: name under which earlier turns are kept, and this one will be.
        priority: those of a higher one are done first.
        parent: the task that it waits for.
    """

    role: str
    task: str
    question: Mapping[str, Any] = Field(repr=False)
    project: str = ""
    conversation: str = ""
    priority: int = Field(0, ge=-100, le=100)
    parent: int | None = None


class AgentTaskView(View):
    """A task: for whom, how far it is, and what it took."""

    id: int
    parent: int | None
    project: str
    role: str
    task: str
    conversation: str
    priority: int
    status: str
    created_by: str
    error: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class AgentTaskDetails(AgentTaskView):
    """A task with what it is asked, what was answered, and the tasks that wait, or have waited, for it."""

    question: dict[str, Any]
    answer: dict[str, Any] | None
    children: tuple[AgentTaskView, ...]


@requires("agents.run", project="command.project")
def create_agent_task(services: Services, actor: Actor, command: CreateAgentTask) -> AgentTaskDetails:
    """Write a task down; nothing is done yet.

    Raises:
        RoleError: no such role or task, the question lacks something, or the task allows no conversation.
        ProjectNotFoundError: there is no such project.
        InputError: it cannot wait for that parent.
    """
    from hishamos_pipeline.generation.assignments import check_assignment

    check_assignment(
        services, command.role, command.task, command.question, command.project, command.conversation
    )
    made = services.store.agent_tasks.add(
        role=command.role,
        task=command.task,
        question=canonical_json(dict(command.question)),
        project=command.project,
        conversation=command.conversation,
        priority=command.priority,
        parent=command.parent,
    )
    return _details(services, made)


@requires("agents.read", project="project")
def list_agent_tasks(
    services: Services,
    actor: Actor,
    page: PageQuery,
    project: str = "",
    *,
    status: str = "",
    parent: int | None = None,
) -> Page[AgentTaskView]:
    """A page of tasks, the newest first: of a project, a status or a parent if they are named.

    Raises:
        ProjectNotFoundError: there is no such project.
        InputError: there is no such status, or the page's order or cursor is none.
    """
    require_known("status", [status] if status else [], TASK_STATES)
    found = services.store.agent_tasks.page(page, project=project, status=status, parent=parent)
    return Page.showing(found, _view)


@requires("agents.read")
def show_agent_task(services: Services, actor: Actor, task: int) -> AgentTaskDetails:
    """A task with its question and its answer.

    Raises:
        ArtifactMissingError: there is none.
    """
    return _details(services, services.store.agent_tasks.get(task))


@requires("agents.run")
def execute_agent_task(services: Services, actor: Actor, task: int) -> AgentTaskDetails:
    """Have a task done, with the actor's rights as they are then; one that has failed or was cancelled is done again.

    Raises:
        ArtifactMissingError: there is none.
        InputError: it is asked for already, has been done, or waits for one that has ended badly.
        ForbiddenError: the actor is no person with an account.
    """
    _require_may(services, actor, task)
    if not actor.user_id:
        raise ForbiddenError(f"{actor.label} has no account that a task could be done for")
    scopes = "" if actor.scopes is None else ",".join(sorted(actor.scopes))
    return _details(services, services.store.agent_tasks.ask_for(task, actor.user_id, scopes, actor.known_by))


@requires("agents.run")
def cancel_agent_task(services: Services, actor: Actor, task: int) -> AgentTaskDetails:
    """Cancel a task and those that wait for it; what a model is answering just then is paid.

    Raises:
        ArtifactMissingError: there is none.
    """
    _require_may(services, actor, task)
    return _details(services, services.store.agent_tasks.cancel(task))


async def do_next_task(services: Services, beat_seconds: float = _BEAT_SECONDS) -> bool:
    """Do the task that is next, if there is one; whether there was.

    Args:
        services: of the installation.
        beat_seconds: how often it is said, and asked, whether it goes on.
    """
    claimed = await asyncio.to_thread(services.store.agent_tasks.claim)
    if claimed is None:
        return False
    working = asyncio.create_task(_done(services, claimed))
    stopping = asyncio.create_task(
        until_it_is_not_to_go_on(
            partial(services.store.agent_tasks.beat, claimed.task), beat_seconds, f"task {claimed.task.id}"
        )
    )
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            stopping.result()  # raises what has ended the beats
            working.cancel()
            await asyncio.wait({working})
    finally:  # where the process stops, another one goes on, or this one when it is back
        working.cancel()
        stopping.cancel()
    stopped = TaskEnd("cancelled", error="cancelled while it was done")
    ended = stopped if working.cancelled() else working.result()
    await asyncio.to_thread(services.store.agent_tasks.end, claimed.task, ended)
    return True


async def _done(services: Services, claimed: ClaimedTask) -> TaskEnd:
    task = claimed.task
    try:
        asker = Asker(task.user_id, claimed.organization, "agent task", task.scopes, task.known_by)
        actor = await asyncio.to_thread(asker.by_then, services)
        command = AssignTask(
            role=task.role,
            task=task.task,
            question=json.loads(task.question),
            project=task.project,
            conversation=task.conversation,
        )
        # By its number, a task that is taken up again asks the API for nothing twice.
        answer = await assign_task(services, actor, command, identity=f"task{task.id}.{task.asked}")
    except HishamosError as error:
        return TaskEnd("failed", error=str(error))
    except Exception as error:
        log.exception("task %d of %s/%s", task.id, task.role, task.task)
        return TaskEnd("failed", error=f"{type(error).__name__}: {error}")
    return _completed(answer)


def _completed(answer: TaskAnswer) -> TaskEnd:
    return TaskEnd(
        "completed",
        answer=canonical_json(answer.answer),
        model=answer.model,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd=answer.cost_usd,
    )


def _require_may(services: Services, actor: Actor, task: int) -> None:
    found = services.store.agent_tasks.get(task)
    if found.project:
        require(services, actor, "agents.run", found.project)


def _view(task: AgentTask) -> AgentTaskView:
    return AgentTaskView.of(task, parent=task.parent_id)


def _details(services: Services, task: AgentTask) -> AgentTaskDetails:
    return AgentTaskDetails.of(
        task,
        parent=task.parent_id,
        question=json.loads(task.question),
        answer=json.loads(task.answer) if task.answer else None,
        children=tuple(_view(child) for child in services.store.agent_tasks.children(task.id)),
    )
