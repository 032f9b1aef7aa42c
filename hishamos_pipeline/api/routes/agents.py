"""Agents' roles and their tasks, prompts, and what models have cost."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import (
    Name,
    Number,
    PageParameters,
    ProjectFilter,
    RequestBody,
    SearchParameters,
)
from hishamos_pipeline.api.route import ResourceRoute, Tags
from hishamos_pipeline.application import agents, costs, prompts
from hishamos_pipeline.application.agents import (
    ExecutionDetails,
    ExecutionView,
    RoleDetails,
    RoleView,
    TaskAnswer,
)
from hishamos_pipeline.application.costs import Costs, GroupBy
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.prompts import PromptDiff, PromptVersion, PromptView
from hishamos_pipeline.application.view import View

router = APIRouter(route_class=ResourceRoute, dependencies=KNOWN)
_AGENTS: Tags = ["agents"]
_PROMPTS: Tags = ["prompts"]
TaskName = Annotated[str, Path(min_length=1, max_length=60, description="One of the role's tasks.")]


class NewTask(RequestBody):
    """What a role is asked: the fields of the task's question; ``conversation`` keeps its turns under a name."""

    question: dict[str, Any]
    project: Annotated[str, Field(max_length=63)] = ""
    conversation: Annotated[str, Field(max_length=80)] = ""


class PromptSource(View):
    """A prompt with everything that it includes."""

    role: str
    task: str
    text: str


@router.get("/agents/roles", tags=_AGENTS)
def list_roles(caller: Caller, page: PageParameters, project: ProjectFilter = "") -> Page[RoleView]:
    """List the roles, with those of a project's own."""
    found = agents.list_roles(caller.services, caller.actor, project)
    return Page.listed(found, page, lambda item: item.role)


@router.get("/agents/roles/{role}", tags=_AGENTS)
def read_role(caller: Caller, role: Name, project: ProjectFilter = "") -> RoleDetails:
    """Read a role: its tasks, what each is asked and answers, and who would answer."""
    return agents.show_role(caller.services, caller.actor, role, project)


@router.post("/agents/roles/{role}/tasks/{task}", tags=_AGENTS)
def run_task(caller: Caller, role: Name, task: TaskName, body: NewTask) -> TaskAnswer:
    """Give a role a task, and wait for its answer."""
    command = agents.AssignTask(role=role, task=task, **body.model_dump())
    return asyncio.run(agents.assign_task(caller.services, caller.actor, command))


@router.get("/agents/executions", tags=_AGENTS)
def list_executions(
    caller: Caller,
    page: SearchParameters,
    project: ProjectFilter = "",
    role: Annotated[str, Query(max_length=60, description="Only those of this role.")] = "",
    outcome: Annotated[
        str, Query(max_length=20, description="Only those that ended so, such as `failed`.")
    ] = "",
) -> Page[ExecutionView]:
    """List calls of models, the newest first; sorted by `id`, `started_at`, `cost_usd` or `seconds`."""
    return agents.list_executions(caller.services, caller.actor, page, project, role=role, outcome=outcome)


@router.get("/agents/executions/{number}", tags=_AGENTS)
def read_execution(caller: Caller, number: Number) -> ExecutionDetails:
    """Read a call of a model: what was sent and what came back, as far as retention keeps them."""
    return agents.show_execution(caller.services, caller.actor, number)


@router.get("/prompts", tags=_PROMPTS)
def list_prompts(caller: Caller, page: PageParameters, project: ProjectFilter = "") -> Page[PromptView]:
    """List the prompts with their versions."""
    found = prompts.list_prompts(caller.services, caller.actor, project)
    return Page.listed(found, page, lambda item: (item.role, item.task))


@router.get("/prompts/{role}/{task}", tags=_PROMPTS)
def read_prompt(caller: Caller, role: Name, task: TaskName, project: ProjectFilter = "") -> PromptSource:
    """Read a prompt with everything that it includes."""
    text = prompts.read_prompt(caller.services, caller.actor, role, task, project)
    return PromptSource(role=role, task=task, text=text)


@router.get("/prompts/{role}/{task}/versions", tags=_PROMPTS)
def list_prompt_versions(
    caller: Caller, role: Name, task: TaskName, page: PageParameters
) -> Page[PromptVersion]:
    """List the versions in which a prompt was used, the newest first."""
    found = prompts.list_versions(caller.services, caller.actor, role, task)
    return Page.listed(found, page, lambda item: (-item.first_used_at.timestamp(), item.version))


@router.post("/prompts/{role}/{task}/versions/{version}/activate", tags=_PROMPTS)
def activate_prompt(
    caller: Caller,
    role: Name,
    task: TaskName,
    version: Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The version.")],
) -> PromptVersion:
    """Use a prompt again as it was in a version; what was made with another one is made anew. An operator's."""
    return prompts.activate_version(caller.services, caller.actor, role, task, version)


@router.get("/prompts/{role}/{task}/diff", tags=_PROMPTS)
def diff_prompt(
    caller: Caller,
    role: Name,
    task: TaskName,
    version: Annotated[
        str, Query(max_length=64, description="The version; the last other one by default.")
    ] = "",
    project: ProjectFilter = "",
) -> PromptDiff:
    """Say what is different in a prompt from a version that was used before."""
    return prompts.diff_prompt(caller.services, caller.actor, role, task, version=version, project=project)


@router.get("/costs", tags=["costs"])
def read_costs(caller: Caller, project: ProjectFilter = "", by: GroupBy = "asset") -> Costs:
    """Read what models have cost, of one project or of all, by role, model, asset, batch or day."""
    return costs.costs(caller.services, caller.actor, project, by)
