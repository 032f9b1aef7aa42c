"""Projects and their backlog: what each has come to, planning and asking for builds, changing, archiving, members."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import (
    Email,
    IfMatch,
    Key,
    Number,
    PageParameters,
    ProjectFilter,
    RequestBody,
    SearchParameters,
    tagged,
)
from hishamos_pipeline.api.route import ResourceRoute, Tags
from hishamos_pipeline.api.routes.people import ProjectRoleChange
from hishamos_pipeline.api.runs import Runs
from hishamos_pipeline.application import (
    backlog,
    builds,
    changes,
    forecasts,
    organizations,
    project_settings,
    projects,
)
from hishamos_pipeline.application.backlog import EpicView, SprintView, StoryView
from hishamos_pipeline.application.builds import (
    BuildRequestView,
    CancelledBuild,
    RunDetails,
    RunView,
)
from hishamos_pipeline.application.changes import ProposedChange
from hishamos_pipeline.application.forecasts import ForecastComparison, PlannedStepView
from hishamos_pipeline.application.organizations import MemberView
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.project_settings import ChangeSettings, ProjectSettings
from hishamos_pipeline.application.projects import DeletedProject, ProjectDetails, ProjectView
from hishamos_pipeline.core.artifacts.idea import (
    Approvable,
    Export,
    Licence,
    ProjectBudget,
    ShortText,
    SprintRules,
)
from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.errors import InputError

_PROJECTS: Tags = ["projects"]
_BUILDS: Tags = ["builds"]
_CHANGES: Tags = ["changes"]
_BACKLOG: Tags = ["backlog"]
router = APIRouter(route_class=ResourceRoute, dependencies=KNOWN)


class ChangeWish(RequestBody):
    """What is to be changed: in a sentence, or in a document that is added to the brief.

    `name` is the document's file, whose suffix tells its format.
    """

    sentence: Annotated[str, Field(max_length=2000)] = ""
    document: Annotated[str, Field(max_length=1_000_000)] = ""
    name: Annotated[str, Field(max_length=200)] = ""

    def wanted(self, key: str, expected: str = "") -> changes.WantedChange:
        """The same for a use case."""
        return changes.WantedChange(
            key=key,
            sentence=self.sentence,
            document=self.document.encode(),
            name=self.name,
            expected=expected,
        )


class SettingsChange(RequestBody):
    """What changes of a project's settings; what is left out stays."""

    budget: ProjectBudget | None = None
    approvals: tuple[Approvable, ...] | None = None
    exports: tuple[Export, ...] | None = None
    github: Target | None = None
    gitlab: Target | None = None
    licence: Licence | None = None
    author: Annotated[str, Field(max_length=120)] | None = None
    sprint: SprintRules | None = None
    required_stories: Annotated[tuple[ShortText, ...], Field(max_length=100)] | None = None


@router.get("/projects", tags=_PROJECTS)
def list_projects(
    caller: Caller,
    page: SearchParameters,
    state: Annotated[
        list[str] | None, Query(max_length=10, description="Only those in one of these states.")
    ] = None,
) -> Page[ProjectView]:
    """List projects by key; sorted by `key`, `title`, `updated_at`, `created_at` or `cost_usd`."""
    return projects.list_projects(caller.services, caller.actor, page, states=state or ())


@router.get("/projects/{key}", tags=_PROJECTS)
def read_project(caller: Caller, key: Key) -> ProjectDetails:
    """Read what a project has come to: state, figures, stories, the report of its checks, and where its results are."""
    return projects.details(caller.services, caller.actor, key)


@router.delete("/projects/{key}", tags=_PROJECTS)
def delete_project(
    caller: Caller,
    runs: Runs,
    key: Key,
    without_export: Annotated[
        bool, Query(description="Delete it although its repository is published nowhere, and in no storage.")
    ] = False,
) -> DeletedProject:
    """Delete an archived project: files, rows and runs. What models have cost stays on the books."""
    command = projects.DeleteProject(key=key, without_export=without_export)
    return projects.delete(caller.services, caller.actor, runs, command)


@router.get("/projects/{key}/settings", tags=_PROJECTS)
def read_settings(caller: Caller, response: Response, key: Key) -> ProjectSettings:
    """Read what a project may cost, who approves what of it, what it has to hold, and where it goes."""
    found = project_settings.show_settings(caller.services, caller.actor, key)
    tagged(response, found)
    return found


@router.patch("/projects/{key}/settings", tags=_PROJECTS)
def update_settings(
    caller: Caller, response: Response, key: Key, seen: IfMatch, body: SettingsChange
) -> ProjectSettings:
    """Change a project's settings: the brief's next revision has them, and a build of it is asked for."""
    changed = {name: getattr(body, name) for name in body.model_fields_set}
    command = ChangeSettings(key=key, expected=seen, **changed)
    found = project_settings.change_settings(caller.services, caller.actor, command)
    tagged(response, found)
    return found


@router.post("/projects/{key}/archive", status_code=204, tags=_PROJECTS)
def archive_project(caller: Caller, runs: Runs, key: Key) -> None:
    """Take a project out of work; nothing of it is removed, and building it again brings it back."""
    projects.archive(caller.services, caller.actor, runs, key)


@router.get("/projects/{key}/plan", tags=_PROJECTS)
def plan_build(caller: Caller, key: Key) -> list[PlannedStepView]:
    """Say what a build would make, why, and for how much. Nothing is made."""
    return asyncio.run(forecasts.plan(caller.services, caller.actor, key))


@router.get("/projects/{key}/plan/comparison", tags=_PROJECTS)
def compare_plan(caller: Caller, key: Key) -> ForecastComparison:
    """Hold what the newest build was foretold to cost against what it has cost."""
    return forecasts.compare_plan(caller.services, caller.actor, key)


@router.post("/projects/{key}/builds", status_code=202, tags=_BUILDS)
def request_build(
    request: Request,
    caller: Caller,
    response: Response,
    key: Key,
    story: Annotated[
        list[Annotated[str, Field(max_length=20)]] | None,
        Query(
            max_length=200, description="Only this story, by id, with what it depends on; may be given again."
        ),
    ] = None,
    sprint: Annotated[
        int | None, Query(ge=1, le=10_000, description="Only the stories of this sprint.")
    ] = None,
    retry_deferred: Annotated[
        bool, Query(description="Try stories again that could not be verified.")
    ] = False,
) -> BuildRequestView:
    """Ask for a build of all stories, or of some; the daemon begins it within seconds."""
    if int(request.headers.get("content-length") or 0) > len("{}"):
        # Else a body that names stories would be passed over, and everything built.
        raise InputError((("body", "this takes none: name stories as ?story=US-001, or ?sprint=1"),))
    command = builds.RequestBuild(
        key=key, stories=tuple(story or ()), sprint=sprint, retry_deferred=retry_deferred
    )
    found = builds.request(caller.services, caller.actor, command)
    response.headers["Location"] = f"/api/v1/build_requests/{found.id}"
    return found


@router.post("/projects/{key}/cancel", tags=_BUILDS)
def cancel_build(caller: Caller, runs: Runs, key: Key) -> CancelledBuild:
    """Cancel the requests of a project that wait, and end its runs. What is made stays made."""
    return builds.cancel(caller.services, caller.actor, runs, key)


@router.get("/build_requests", tags=_BUILDS)
def list_build_requests(
    caller: Caller,
    page: PageParameters,
    project: ProjectFilter = "",
    status: Annotated[str, Query(max_length=20, description="Only those of this status.")] = "",
) -> Page[BuildRequestView]:
    """List build requests, the newest first."""
    return builds.list_requests(caller.services, caller.actor, page, project, status=status)


@router.get("/build_requests/{number}", tags=_BUILDS)
def read_build_request(caller: Caller, number: Number) -> BuildRequestView:
    """Read a build request, and what became of it."""
    return builds.show_request(caller.services, caller.actor, number)


@router.get("/projects/{key}/runs", tags=_BUILDS)
def list_runs(caller: Caller, runs: Runs, key: Key, page: PageParameters) -> Page[RunView]:
    """List the runs of a project, the newest first."""
    return builds.list_runs(caller.services, caller.actor, runs, key, page)


@router.get("/runs/{run}", tags=_BUILDS)
def read_run(
    caller: Caller,
    runs: Runs,
    run: Annotated[str, Path(min_length=1, max_length=60, description="The run's id.")],
    lines: Annotated[int, Query(ge=0, le=1000, description="How many of the last lines of its log.")] = 100,
) -> RunDetails:
    """Read a run: how it stands, its steps, and the last lines of its log."""
    return builds.show_run(caller.services, caller.actor, runs, run, lines=lines)


@router.post("/projects/{key}/changes", tags=_CHANGES)
def propose_change(caller: Caller, response: Response, key: Key, body: ChangeWish) -> ProposedChange:
    """Find out what a wish changes; nothing is changed yet. Its `ETag` is what accepting it names."""
    change = asyncio.run(changes.propose_change(caller.services, caller.actor, body.wanted(key)))
    found = changes.change_view(change)
    tagged(response, found)
    return found


@router.post("/projects/{key}/changes/accept", tags=_CHANGES)
def accept_change(caller: Caller, key: Key, seen: IfMatch, body: ChangeWish) -> ProposedChange:
    """Take over what a wish changes, if it is what was seen."""
    return asyncio.run(changes.accept_wanted(caller.services, caller.actor, body.wanted(key, seen)))


@router.get("/projects/{key}/stories", tags=_BACKLOG)
def list_stories(caller: Caller, key: Key, page: PageParameters) -> Page[StoryView]:
    """List the stories of a project with their criteria, by id."""
    found = backlog.list_stories(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: item.id)


@router.get("/projects/{key}/epics", tags=_BACKLOG)
def list_epics(caller: Caller, key: Key, page: PageParameters) -> Page[EpicView]:
    """List the epics of a project."""
    found = backlog.list_epics(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: item.id)


@router.get("/projects/{key}/sprints", tags=_BACKLOG)
def list_sprints(caller: Caller, key: Key, page: PageParameters) -> Page[SprintView]:
    """List the planned sprints of a project."""
    found = backlog.list_sprints(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: item.number)


@router.get("/projects/{key}/members", tags=_PROJECTS)
def list_project_members(caller: Caller, key: Key, page: PageParameters) -> Page[MemberView]:
    """List the members of a project by address."""
    found = organizations.list_project_members(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: item.email)


@router.put("/projects/{key}/members/{email}", status_code=204, tags=_PROJECTS)
def set_project_role(caller: Caller, key: Key, email: Email, body: ProjectRoleChange) -> None:
    """Give a member of the organization a role in a project."""
    organizations.set_project_role(caller.services, caller.actor, key, email, body.role)


@router.delete("/projects/{key}/members/{email}", status_code=204, tags=_PROJECTS)
def remove_project_role(caller: Caller, key: Key, email: Email) -> None:
    """Take somebody's role in a project away."""
    organizations.set_project_role(caller.services, caller.actor, key, email, None)
