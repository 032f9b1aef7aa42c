"""Projects: listing them, what each has come to, archiving and deleting them."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.brief import not_taken_up
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import (
    Archive,
    CheckOutcome,
    Requirements,
    Stories,
    VerifiedBuild,
)
from hishamos_pipeline.core.artifacts.target import HOSTS, Publication
from hishamos_pipeline.core.pipeline.graph import ARCHIVES, EXPORTS
from hishamos_pipeline.generation.outdated_edits import outdated_edits
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.cleanup.runs import RunHistory
from hishamos_pipeline.store.artifacts.repository import readable
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.projects.tables import PROJECT_STATES, STUCK_STATES

D = TypeVar("D", bound=Document)


class ProjectView(View):
    """A project in a list: its state, and where and why it got stuck."""

    key: str
    title: str
    state: str
    failed_step: str
    reason: str
    cost_usd: float
    updated_at: datetime


class DeferredStory(View):
    """A story that is not implemented, with the reason."""

    id: str
    title: str
    reason: str


class UncheckedRule(View):
    """A rule of the brief that nothing checks."""

    id: str
    statement: str


class PublishedAt(View):
    """Where a project was published, and what was proposed there."""

    url: str
    proposed: str
    warnings: tuple[str, ...]


class ProjectSummary(View):
    """What a project has come to: state, figures of each artifact that exists, and where its results are.

    ``revision`` is the brief's newest, and ``built_revision`` that of the build that the figures are about; 0 where
    there is none. ``notes`` say what reading the brief has noticed. ``outdated_edits`` are files that people have
    edited and that say what is not so any more.
    """

    key: str
    title: str
    state: str
    failed_step: str
    reason: str
    cost_usd: float
    revision: int
    built_revision: int
    notes: tuple[str, ...]
    requirements: int
    stories: int
    implemented: int
    deferred: tuple[DeferredStory, ...]
    waiting: tuple[str, ...]
    not_verified: tuple[DeferredStory, ...]
    unchecked: tuple[UncheckedRule, ...]
    not_taken_up: tuple[str, ...]
    outdated_edits: tuple[str, ...]
    files: int
    tests: int
    coverage: float
    seconds: float
    tree: str
    repository: str
    isolated: bool
    open_proposals: int
    published: tuple[PublishedAt, ...]
    archives: tuple[str, ...]


class BacklogStory(View):
    """A story as the backlog has it."""

    id: str
    title: str
    status: str
    points: int
    reason: str


class ProjectDetails(ProjectSummary):
    """A project with its stories and the report of its checks."""

    backlog: tuple[BacklogStory, ...]
    checks: tuple[CheckOutcome, ...]


class DeleteProject(UseCaseInput):
    """Delete a project: after its repository and archives were copied to a folder, or although it is kept nowhere."""

    key: str
    export_to: Path | None = None
    without_export: bool = False


class DeletedProject(View):
    """A project that is gone; ``copied_to`` is where its repository and archives are, if that was asked for."""

    key: str
    copied_to: str


@requires("projects.read")
def list_projects(
    services: Services, actor: Actor, page: PageQuery, *, states: Collection[str] = (), after: str = ""
) -> Page[ProjectView]:
    """A page of projects by key: those after a key, in some states if they are named.

    Raises:
        UsageError: there is no such state, or the page's order or cursor is none.
    """
    require_known("state", states, PROJECT_STATES)
    return Page.showing(services.store.projects.page(page, after=after, states=states), ProjectView.of)


@requires("projects.read", project="key")
def summary(services: Services, actor: Actor, key: str) -> ProjectSummary:
    """What a project has come to.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    return _as_seen(actor, summary_of(services.project_data(key)))


@requires("projects.read", project="key")
def details(services: Services, actor: Actor, key: str) -> ProjectDetails:
    """A project with its stories and the report of its checks.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    project = services.acting_as(actor).project_data(key)
    store = project.store
    row = store.artifacts.head(key, "verified_build")
    build = readable(row, VerifiedBuild) if row else None
    checks = build.checks if build else ()
    backlog = tuple(BacklogStory.of(story, id=story.code) for story in store.backlog.stories(key))
    shown = _as_seen(actor, summary_of(project))
    return ProjectDetails(**dict(shown), backlog=backlog, checks=checks)


def _as_seen(actor: Actor, found: ProjectSummary) -> ProjectSummary:
    """A summary without the paths of this machine, for whoever is not at it."""
    if actor.via == "command line":
        return found
    names = tuple(Path(path).name for path in found.archives)
    return found.model_copy(update={"tree": "", "repository": "", "archives": names})


def summary_of(given: Project) -> ProjectSummary:
    """What a project has come to."""
    store, folder = given.store, given.folder
    project, heads = store.projects.get(given.key), store.artifacts.heads(given.key)

    def document(artifact: str, as_type: type[D]) -> D | None:
        row = heads.get(artifact)
        return readable(row, as_type) if row else None

    requirements, stories = document("requirements", Requirements), document("stories", Stories)
    build = document("verified_build", VerifiedBuild)
    published = [document(EXPORTS[host], Publication) for host in HOSTS]
    archives = [document(EXPORTS[archive], Archive) for archive in ARCHIVES]
    newest, built = store.projects.idea_revision(given.key).revision, heads.get("verified_build")
    is_behind = built is not None and project.state in ("submitted", "building", *STUCK_STATES)
    return ProjectSummary.of(
        project,
        revision=newest,
        built_revision=(
            store.projects.revision_at(given.key, built.created_at)
            if built and is_behind
            else newest
            if built
            else 0
        ),
        notes=store.projects.idea(given.key).notes,
        requirements=len(requirements.requirements) if requirements else 0,
        stories=len(stories.stories) if stories else 0,
        implemented=len(build.stories_verified) if build else 0,
        deferred=tuple(
            DeferredStory(id=story.id, title=story.title, reason=story.reason)
            for story in (stories.deferred if stories else ())
        ),
        waiting=build.waiting if build else (),
        not_verified=tuple(
            DeferredStory(id=item.story, title=item.title, reason=item.reason)
            for item in (build.deferrals if build else ())
        ),
        unchecked=tuple(
            UncheckedRule(id=item.id, statement=item.statement)
            for item in (requirements.unchecked if requirements else ())
        ),
        not_taken_up=not_taken_up(requirements) if requirements else (),
        outdated_edits=tuple(map(str, outdated_edits(given))),
        files=len(build.files) if build else 0,
        tests=build.tests if build else 0,
        coverage=build.coverage if build else 0.0,
        seconds=round(sum(row.seconds for row in heads.values()), 2),
        tree=str(folder.path("tree")) if build else "",
        repository=str(folder.path("repository")) if "repository" in heads else "",
        isolated=build.isolated if build else True,
        open_proposals=len(store.edits.proposals(given.key)),
        published=tuple(
            PublishedAt(url=item.web_url, proposed=item.change_url, warnings=tuple(item.warnings))
            for item in published
            if item and item.wanted
        ),
        archives=tuple(str(folder.path(item.path)) for item in archives if item and item.wanted),
    )


@requires("projects.archive", project="key")
def archive(services: Services, actor: Actor, history: RunHistory, key: str) -> None:
    """Take a project out of work; nothing of it is removed.

    Raises:
        ProjectNotFoundError: there is no such project.
        ProjectBusyError: it is being built.
    """
    from hishamos_pipeline.operations.cleanup import projects as leaving

    leaving.archive(services.acting_as(actor).store, history, key)


@requires("projects.delete", project="command.key")
def delete(services: Services, actor: Actor, history: RunHistory, command: DeleteProject) -> DeletedProject:
    """Delete an archived project: files, rows, partition and runs. What models have cost stays on the books.

    Raises:
        ProjectNotFoundError: there is no such project.
        ProjectBusyError: it is being built.
        DeletionRefusedError: it is not archived, or its repository is neither published nor in the storage.
        StorageError: the copy cannot be made; nothing is deleted then.
    """
    from hishamos_pipeline.operations.cleanup import projects as leaving
    from hishamos_pipeline.workspace.storage import open_storage

    store, given = services.acting_as(actor).store, services.settings
    safe = command.without_export or command.export_to is not None
    leaving.require_deletable(store, history, open_storage(given), command.key, without_export=safe)
    if command.export_to:
        leaving.copy_to(store, given.projects_dir, command.key, command.export_to)
    store.housekeeping.begin_deletion(command.key, actor.label)
    leaving.finish_deletion(store, history, given.projects_dir, command.key)
    copied = str(command.export_to / command.key) if command.export_to else ""
    return DeletedProject(key=command.key, copied_to=copied)
