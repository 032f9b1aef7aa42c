"""What has happened to projects, in order."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.pipeline.event_kinds import KINDS
from hishamos_pipeline.generation.services import Services


class EventView(View):
    """Something that has happened to a project; whoever has read up to an id goes on after it."""

    id: int
    at: datetime
    project: str
    kind: str
    subject: str
    payload: dict[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event, and the key of the organization whose project it happened to."""

    organization: str
    event: EventView


@requires("projects.read", project="project")
def newest(
    services: Services, actor: Actor, *, project: str = "", kinds: Collection[str] = (), limit: int = 50
) -> list[EventView]:
    """The newest events, the oldest of them first."""
    events = services.acting_as(actor).store.events
    return [EventView.of(event) for event in events.newest(limit, project=project, kinds=kinds)]


@requires("projects.read", project="project")
def after(
    services: Services,
    actor: Actor,
    number: int,
    *,
    project: str = "",
    kinds: Collection[str] = (),
    limit: int = 500,
) -> list[EventView]:
    """The events after one, in order."""
    events = services.acting_as(actor).store.events
    return [EventView.of(event) for event in events.after(number, limit, project=project, kinds=kinds)]


@requires("projects.read", project="project")
def require_reading(
    services: Services, actor: Actor, *, project: str = "", kinds: Collection[str] = ()
) -> None:
    """Make sure that an actor may read events, of one project if it is named.

    Raises:
        ProjectNotFoundError: there is no such project.
        ForbiddenError: they may not.
        InputError: there is no such kind of event.
    """
    require_known("kind", kinds, KINDS)
    if project:
        services.store.projects.get(project)


def feed(services: Services, number: int, limit: int) -> list[FeedEvent]:
    """The events of all organizations after one, for whoever hands each to those who may see it."""
    store = services.store
    found = store.events.after(number, limit)
    keys = {item.id: item.key for item in store.organizations.all()} if found else {}
    return [FeedEvent(keys.get(event.organization_id, ""), EventView.of(event)) for event in found]
