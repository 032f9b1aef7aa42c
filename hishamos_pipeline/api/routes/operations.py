"""Looking after the installation: events, the audit log, health and metrics."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from hishamos_pipeline import __version__
from hishamos_pipeline.api.caller import KNOWN, Caller, Installation, authenticated_still
from hishamos_pipeline.api.fields import ProjectFilter, SearchParameters
from hishamos_pipeline.api.route import OpenRoute, ResourceRoute, Responses, Tags
from hishamos_pipeline.api.runs import Runs
from hishamos_pipeline.api.streams import EventHub
from hishamos_pipeline.application import events, operations
from hishamos_pipeline.application.events import EventView
from hishamos_pipeline.application.operations import AuditEntryView, AuditVerdict
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.view import View

_OPERATIONS: Tags = ["operations"]
_EVENTS: Tags = ["events"]
_AUDIT: Tags = ["audit"]
opened = APIRouter(route_class=OpenRoute)
router = APIRouter(route_class=ResourceRoute, dependencies=KNOWN)
_LARGEST = 2**31 - 1
_STREAM: Responses = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
Kinds = Annotated[
    list[str] | None, Query(max_length=40, description="Only events of these kinds, such as `build.started`.")
]


class Health(View):
    """Whether the API and its store can answer, and the release."""

    status: str
    version: str


@opened.get("/health", tags=_OPERATIONS)
def read_health(services: Installation) -> Health:
    """Say that the API answers, and that its store does."""
    services.store.events.last()
    return Health(status="ok", version=__version__)


@router.get("/events", tags=_EVENTS, response_class=StreamingResponse, responses=_STREAM)
async def stream_events(
    request: Request,
    caller: Caller,
    project: ProjectFilter = "",
    kind: Kinds = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=_LARGEST)] = None,
) -> StreamingResponse:
    """Follow what happens to projects, as server-sent events.

    After a break, a client goes on by `Last-Event-ID`, as browsers do by themselves. A comment is sent every 15
    seconds. The stream ends when the token, or the right to read, does.
    """
    hub: EventHub = request.app.state.events

    async def still_allowed() -> None:
        now = await authenticated_still(request)
        await run_in_threadpool(events.require_reading, now.services, now.actor, project=project)

    await run_in_threadpool(
        events.require_reading, caller.services, caller.actor, project=project, kinds=kind or ()
    )
    frames: AsyncIterator[bytes] = hub.follow(
        caller.services,
        caller.actor,
        still_allowed,
        project=project,
        kinds=frozenset(kind or ()),
        after=last_event_id,
    )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames, headers=headers, media_type="text/event-stream")


@router.get("/event_log", tags=_EVENTS)
def list_events(
    caller: Caller,
    project: ProjectFilter = "",
    kind: Kinds = None,
    after: Annotated[
        int, Query(ge=0, le=_LARGEST, description="The id of the last event that was read.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[EventView]:
    """List the events after one, in order."""
    return events.after(caller.services, caller.actor, after, project=project, kinds=kind or (), limit=limit)


@router.get("/audit", tags=_AUDIT)
def list_audit(
    caller: Caller,
    page: SearchParameters,
    subject: Annotated[
        str, Query(max_length=300, description="A project's key, an address, a credential.")
    ] = "",
    action: Annotated[str, Query(max_length=60, description="What was done, such as `project.delete`.")] = "",
) -> Page[AuditEntryView]:
    """List who did what to what, the newest first; an operator's."""
    return operations.list_audit(caller.services, caller.actor, page, subject=subject, action=action)


@router.get("/audit/verify", tags=_AUDIT)
def verify_audit(
    caller: Caller,
    head: Annotated[str, Query(max_length=64, description="A hash that was noted earlier.")] = "",
) -> AuditVerdict:
    """Verify that nothing of the audit log was changed; an operator's."""
    return operations.verify_audit(caller.services, caller.actor, head)


@router.get("/metrics", response_class=PlainTextResponse, tags=_OPERATIONS)
def read_metrics(caller: Caller, runs: Runs) -> Response:
    """Read the figures of the installation, for Prometheus; an operator's."""
    return PlainTextResponse(operations.metrics(caller.services, caller.actor, runs.unfinished))
