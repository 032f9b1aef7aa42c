"""What has happened to projects, in order."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
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
