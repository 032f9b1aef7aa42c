"""Planning builds, asking for them, and what has to be true before one begins."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import require, requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories, VerifiedBuild
from hishamos_pipeline.core.artifacts.scope import with_dependencies
from hishamos_pipeline.core.pipeline.graph import STEPS, topological
from hishamos_pipeline.errors import ArtifactMissingError, ProjectBusyError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.generation.staleness import kinds_of
from hishamos_pipeline.store.artifacts.repository import readable
from hishamos_pipeline.store.builds.tables import BUILD_STATES
from hishamos_pipeline.store.pages import PageQuery

if TYPE_CHECKING:
    from hishamos_pipeline.generation.run import ProjectRun


class RequestBuild(UseCaseInput):
    """A build of a project: of all stories, or of some with what they depend on.

    Args:
        key: the project.
        stories: ids of stories.
        sprint: the number of a sprint, whose stories are meant.
        retry_deferred: whether stories that could not be verified are tried again.
    """

    key: str
    stories: tuple[str, ...] = ()
    sprint: int | None = Field(None, ge=1)
    retry_deferred: bool = False


class BuildRequestView(View):
    """A wish to have a project built, and what became of it."""

    id: int
    project: str
    revision: int
    status: str
    reason: str
    retry_deferred: bool
    requested_by: str
    via: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class CancelledBuild(View):
    """What a cancellation has ended: so many requests that waited, and so many runs.

    ``at_command_lines`` counts runs that go on, since only whoever has started one can end it.
    """

    project: str
    requests: int
    runs: int
    at_command_lines: int


@dataclass(frozen=True, slots=True)
class EndedRuns:
    """How many runs of a project were ended, and how many go on at somebody's command line."""

    ended: int
    at_command_lines: int


class RunView(View):
    """A run of Dagster for a project: what it makes, how it stands, and when it began and ended.

    ``ui_path`` is where Dagster's own pages show it.
    """

    id: str
    job: str
    status: str
    assets: tuple[str, ...]
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    ui_path: str


class RunStepView(View):
    """A step of a run."""

    step: str
    status: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None


class RunLogLine(View):
    """A line of a run's log."""

    at: datetime
    level: str
    step: str
    message: str


class RunDetails(RunView):
    """A run with its steps, and the last lines of its log, the oldest of them first."""

    project: str
    steps: tuple[RunStepView, ...]
    log: tuple[RunLogLine, ...]


class Runs(Protocol):
    """Runs of Dagster; ``resources.run_history.DagsterRuns`` is the real one."""

    def of(self, project: str, limit: int, before: str = "") -> list[RunView]:
        """The runs of a project, the newest first; those before one if its id is given."""
        ...

    def details(self, run_id: str, lines: int) -> RunDetails | None:
        """A run with its steps and the last lines of its log; ``None`` if there is none."""
        ...

    def cancel(self, project: str) -> EndedRuns:
        """End the runs of a project that wait or run."""
        ...


@requires("projects.build", project="key")
def prepare(services: Services, actor: Actor, key: str = "") -> None:
    """Find out whether anything could be built here at all: what cannot be verified is not begun, nor paid for.

    Args:
        services: the services.
        actor: whoever wants to build.
        key: the project; empty for one that is submitted only then.

    Raises:
        ModelSetupError, CredentialError: models are named and cannot be used.
        SandboxError: nothing here runs generated code.
    """
    services.check_models()
    _ = services.sandbox


def steps_to_make(run: "ProjectRun") -> list[str]:
    """Nothing, or the whole graph: what is up to date is found in no time, and its checks are asked again.

    A check that a killed run did not come to would otherwise never be asked. Files that are elsewhere are brought back.

    Raises:
        StorageError: a storage is named and cannot be used.
    """
    from hishamos_pipeline.application.restoring import restore_files

    finished = run.project.store.projects.get(run.key).state == "exported"
    if finished and not run.plan() and not restore_files(run).lost:
        return []
    if run.project.storage:
        run.project.storage.check()  # found out now rather than when all is made
    return list(topological())


def planning_to_do(run: "ProjectRun") -> list[str]:
    """The planning that has to be done before a scope can be named: sprints and stories are not known until then."""
    kinds = [name for name, step in STEPS.items() if step.group == "planning" and name != "architecture"]
    is_planned = set(kinds) <= run.project.store.artifacts.heads(run.key).keys()
    return [] if is_planned and not {"idea", "requirements"} & kinds_of(run.plan()) else kinds


def set_scope(run: "ProjectRun", *, stories: Sequence[str] = (), sprint: int | None = None) -> None:
    """Say which stories the builds of a project are about, until it is said otherwise; nothing named is all of them.

    What they depend on comes with them, and so does what the last build that passed has verified.

    Args:
        run: a project, whose planning is done where stories or a sprint are named.
        stories: ids of stories.
        sprint: the number of a sprint.

    Raises:
        UsageError: there is no such story or sprint, or the story is deferred.
    """
    store = run.project.store
    if not stories and sprint is None:
        if store.projects.get(run.key).scope:
            store.projects.set_scope(run.key, ())
        return
    backlog = run.project.read("stories", Stories)
    wanted = {name.upper() for name in stories} | _stories_of(run, sprint)
    known = {story.id: story for story in backlog.stories}
    if unknown := sorted(wanted - known.keys()):
        raise UsageError(f"{run.key} has no story {', '.join(unknown)}: it has {', '.join(known)}")
    if deferred := [known[name] for name in sorted(wanted) if known[name].status == "deferred"]:
        raise UsageError(f"{deferred[0].id} is deferred and cannot be built: {deferred[0].reason}")
    there = wanted | _verified(run)
    within = with_dependencies(backlog, there)
    everything = all(story.id in within for story in backlog.stories if story.status != "deferred")
    store.projects.set_scope(run.key, () if everything else sorted(there & known.keys()))


def _stories_of(run: "ProjectRun", sprint: int | None) -> set[str]:
    if sprint is None:
        return set()
    sprints = {item.number: item.stories for item in run.project.read("sprint_plan", SprintPlan).sprints}
    if sprint not in sprints:
        raise UsageError(f"{run.key} has no sprint {sprint}: it has {', '.join(map(str, sprints)) or 'none'}")
    return set(sprints[sprint])


def _verified(run: "ProjectRun") -> set[str]:
    """The stories of the newest build that passed: what was delivered stays in the product."""
    for row in reversed(run.project.store.artifacts.history(run.key, "verified_build")):
        build = readable(row, VerifiedBuild)
        if build and build.passed:
            return set(build.stories_verified)
    return set()


@contextmanager
def one_build_at_a_time(run: "ProjectRun", waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the project's build lock.

    Args:
        run: the project.
        waits: told when another build has to end first.

    Raises:
        ProjectBusyError: it has not ended after HISHAMOS_LOCK_SECONDS.
    """
    lock = run.project.folder.lock("build", wait_seconds=0)
    try:
        lock.__enter__()
    except ProjectBusyError:
        waits()
        lock = run.project.folder.lock("build", wait_seconds=run.project.settings.lock_seconds)
        lock.__enter__()
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@requires("projects.build", project="command.key")
def request(services: Services, actor: Actor, command: RequestBuild) -> BuildRequestView:
    """Ask for a build; the daemon takes it up. An open request stands for it.

    Raises:
        ProjectNotFoundError: there is no such project.
        UsageError: there is no such story or sprint, the story is deferred, or the project is not planned yet.
    """
    if command.stories or command.sprint is not None:
        services.store.projects.get(command.key)
        run = services.project(command.key)
        if planning_to_do(run):
            raise UsageError(
                f"{command.key} is not planned as its brief is now: its stories and sprints are known once a build has "
                "made them"
            )
        set_scope(run, stories=command.stories, sprint=command.sprint)
    else:
        services.store.projects.set_scope(command.key, ())
    return BuildRequestView.of(services.store.builds.add(command.key, retry_deferred=command.retry_deferred))


@requires("projects.read", project="key")
def list_requests(
    services: Services, actor: Actor, page: PageQuery, key: str = "", *, status: str = ""
) -> Page[BuildRequestView]:
    """A page of build requests, of one project if it is named, the newest first.

    Raises:
        ProjectNotFoundError: there is no such project.
        UsageError: there is no such status, or the page's order or cursor is none.
    """
    require_known("status", [status] if status else [], BUILD_STATES)
    found = services.store.builds.page(page, project=key, status=status)
    return Page.showing(found, BuildRequestView.of)


@requires("projects.read")
def show_request(services: Services, actor: Actor, number: int) -> BuildRequestView:
    """A build request.

    Raises:
        ArtifactMissingError: there is none of that number.
    """
    found = services.store.builds.get(number)
    require(services, actor, "projects.read", found.project)
    return BuildRequestView.of(found)


@requires("projects.read", project="key")
def list_runs(services: Services, actor: Actor, runs: Runs, key: str, page: PageQuery) -> Page[RunView]:
    """A page of the runs of a project, the newest first.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    services.store.projects.get(key)
    found = runs.of(key, page.limit + 1, page.cursor)
    more = len(found) > page.limit
    return Page(items=tuple(found[: page.limit]), next=found[page.limit - 1].id if more else "")


@requires("projects.read")
def show_run(services: Services, actor: Actor, runs: Runs, run_id: str, *, lines: int = 100) -> RunDetails:
    """A run with its steps, and the last lines of its log.

    Raises:
        ArtifactMissingError: there is none, or it is none of the actor's projects.
    """
    found = runs.details(run_id, lines)
    if found is None or not services.store.projects.exists(found.project):
        raise ArtifactMissingError(f"there is no run {run_id}")
    require(services, actor, "projects.read", found.project)
    return found


@requires("projects.build", project="key")
def cancel(services: Services, actor: Actor, runs: Runs, key: str) -> CancelledBuild:
    """Cancel the requests of a project that wait, and end its runs.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    store = services.acting_as(actor).store
    reason = f"cancelled by {actor.responsible}"
    # The requests first: none of them begins when the run has ended.
    requests = store.builds.cancel(key, reason)
    done = runs.cancel(key)
    if done.ended:
        store.builds.note_ended_runs(key, done.ended, reason)
    return CancelledBuild(
        project=key, requests=requests, runs=done.ended, at_command_lines=done.at_command_lines
    )
