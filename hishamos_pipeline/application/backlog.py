"""Reading the backlog of a project: epics, stories with their criteria, and sprints."""

from datetime import date
from typing import Literal

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import Criterion, SprintPlan, Stories
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.artifacts.repository import readable
from hishamos_pipeline.store.store import ProjectStore

StoryStatus = Literal["planned", "verified", "deferred", "waiting"]


class EpicView(View):
    """A group of stories: how many there are, how many are verified, and their points."""

    id: str
    title: str
    stories: int
    verified: int
    points: int


class StoryView(View):
    """A user story; ``sprint`` is 0 for one in no sprint, ``reason`` says why it is deferred or waits."""

    id: str
    epic: str
    title: str
    actor: str
    want: str
    benefit: str
    requirements: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    points: int
    priority: str
    depends_on: tuple[str, ...]
    status: StoryStatus
    reason: str
    sprint: int


class SprintView(View):
    """A sprint; ``end`` is its last day, ``verified`` the points of its stories that are."""

    number: int
    goal: str
    start: date
    end: date
    stories: tuple[str, ...]
    points: int
    verified: int


@requires("projects.read", project="key")
def list_stories(services: Services, actor: Actor, key: str) -> list[StoryView]:
    """The stories of a project by id; none before they are planned.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    return _stories(services.store, key, *_documents(services.store, key))


@requires("projects.read", project="key")
def next_story(services: Services, actor: Actor, key: str) -> StoryView | None:
    """The story to work on next: the first by sprint that is not verified, and builds on verified ones alone.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    stories = list_stories(services, actor, key)
    verified = {story.id for story in stories if story.status == "verified"}
    left = [story for story in stories if story.id not in verified and verified.issuperset(story.depends_on)]
    return min(left, key=lambda story: (story.sprint or len(stories) + 1, story.id), default=None)


@requires("projects.read", project="key")
def list_epics(services: Services, actor: Actor, key: str) -> list[EpicView]:
    """The epics of a project, in the order of its backlog; none before they are planned.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    stories, plan = _documents(services.store, key)
    shown = _stories(services.store, key, stories, plan)
    found = []
    for epic in stories.epics if stories else ():
        own = [story for story in shown if story.epic == epic.id]
        found.append(
            EpicView(
                id=epic.id,
                title=epic.title,
                stories=len(own),
                verified=sum(story.status == "verified" for story in own),
                points=sum(story.points for story in own),
            )
        )
    return found


@requires("projects.read", project="key")
def list_sprints(services: Services, actor: Actor, key: str) -> list[SprintView]:
    """The planned sprints of a project; none before they are planned.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    stories, plan = _documents(services.store, key)
    shown = _stories(services.store, key, stories, plan)
    verified = {story.id: story.points for story in shown if story.status == "verified"}
    return [
        SprintView(**sprint.model_dump(), verified=sum(verified.get(name, 0) for name in sprint.stories))
        for sprint in (plan.sprints if plan else ())
    ]


def _documents(store: ProjectStore, key: str) -> tuple[Stories | None, SprintPlan | None]:
    heads = store.artifacts.heads(key)
    stories = readable(heads["stories"], Stories) if "stories" in heads else None
    plan = readable(heads["sprint_plan"], SprintPlan) if "sprint_plan" in heads else None
    return stories, plan


def _stories(
    store: ProjectStore, key: str, stories: Stories | None, plan: SprintPlan | None
) -> list[StoryView]:
    if stories is None:
        return []
    sprints = {name: sprint.number for sprint in (plan.sprints if plan else ()) for name in sprint.stories}
    rows = {row.code: row for row in store.backlog.stories(key)}
    return [
        StoryView(
            **story.model_dump(exclude={"status", "reason", "assumptions"}),
            status=rows[story.id].status if story.id in rows else story.status,
            reason=rows[story.id].reason if story.id in rows else story.reason,
            sprint=sprints.get(story.id, 0),
        )
        for story in sorted(stories.stories, key=lambda story: story.id)
    ]
