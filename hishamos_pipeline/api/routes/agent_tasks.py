"""Tasks for roles that are done in the background, and conversations with roles."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import Number, PageParameters, ProjectFilter, RequestBody, SearchParameters
from hishamos_pipeline.api.route import ResourceRoute
from hishamos_pipeline.application import agent_tasks, conversations
from hishamos_pipeline.application.agent_tasks import AgentTaskDetails, AgentTaskView
from hishamos_pipeline.application.agents import TaskAnswer
from hishamos_pipeline.application.conversations import ConversationDetails, ConversationView
from hishamos_pipeline.application.pages import Page

router = APIRouter(prefix="/agents", tags=["agents"], route_class=ResourceRoute, dependencies=KNOWN)


class NewAgentTask(RequestBody):
    """A task for a role, to be done later; those of a higher priority come first, one with a parent waits for that."""

    role: Annotated[str, Field(min_length=1, max_length=60)]
    task: Annotated[str, Field(min_length=1, max_length=60)]
    question: dict[str, Any]
    project: Annotated[str, Field(max_length=63)] = ""
    conversation: Annotated[str, Field(max_length=80)] = ""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    parent: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class NewTurn(RequestBody):
    """What is said next: the fields of the task's question."""

    question: dict[str, Any]


@router.get("/tasks")
def list_tasks(
    caller: Caller,
    page: SearchParameters,
    project: ProjectFilter = "",
    status: Annotated[
        str, Query(max_length=20, description="Only those that are so, such as `running`.")
    ] = "",
    parent: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Only those that wait for this one.")
    ] = None,
) -> Page[AgentTaskView]:
    """List tasks, the newest first; sorted by `id`, `priority` or `cost_usd`."""
    return agent_tasks.list_agent_tasks(
        caller.services, caller.actor, page, project, status=status, parent=parent
    )


@router.post("/tasks", status_code=201)
def create_task(caller: Caller, body: NewAgentTask) -> AgentTaskDetails:
    """Write a task down; `execute` has it done."""
    command = agent_tasks.CreateAgentTask(**body.model_dump())
    return agent_tasks.create_agent_task(caller.services, caller.actor, command)


@router.get("/tasks/{number}")
def read_task(caller: Caller, number: Number) -> AgentTaskDetails:
    """Read a task: how far it is, its answer, what it took, and the tasks that wait for it."""
    return agent_tasks.show_agent_task(caller.services, caller.actor, number)


@router.post("/tasks/{number}/execute", status_code=202)
def execute_task(caller: Caller, request: Request, response: Response, number: Number) -> AgentTaskDetails:
    """Have a task done in the background; one that has failed or was cancelled is done again."""
    found = agent_tasks.execute_agent_task(caller.services, caller.actor, number)
    request.app.state.workers.wake()
    response.headers["Location"] = request.url.path.removesuffix("/execute")
    return found


@router.post("/tasks/{number}/cancel", status_code=202)
def cancel_task(caller: Caller, number: Number) -> AgentTaskDetails:
    """Cancel a task and those that wait for it; one that is being done stops within seconds."""
    return agent_tasks.cancel_agent_task(caller.services, caller.actor, number)


@router.get("/conversations")
def list_conversations(
    caller: Caller, page: PageParameters, project: ProjectFilter = ""
) -> Page[ConversationView]:
    """List your conversations with roles, the newest first."""
    return conversations.list_conversations(caller.services, caller.actor, page, project)


@router.get("/conversations/{number}")
def read_conversation(caller: Caller, number: Number) -> ConversationDetails:
    """Read one of your conversations: who has said what."""
    return conversations.show_conversation(caller.services, caller.actor, number)


@router.post("/conversations/{number}/turns")
def continue_conversation(caller: Caller, number: Number, body: NewTurn) -> TaskAnswer:
    """Say something in one of your conversations, and wait for the answer; the first turn is a role's task."""
    command = conversations.ContinueConversation(conversation=number, question=body.question)
    return asyncio.run(conversations.continue_conversation(caller.services, caller.actor, command))


@router.delete("/conversations/{number}", status_code=204)
def remove_conversation(caller: Caller, number: Number) -> None:
    """Forget one of your conversations."""
    conversations.remove_conversation(caller.services, caller.actor, number)
