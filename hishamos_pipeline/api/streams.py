"""Event streams: one reader of the store for all clients, and a queue for each of them."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import finalize

from starlette.concurrency import run_in_threadpool

from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.application import events
from hishamos_pipeline.application.events import EventView, FeedEvent
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import (
    ForbiddenError,
    HishamosError,
    LoginError,
    PersonNotFoundError,
    ProjectNotFoundError,
)
from hishamos_pipeline.generation.services import Services

log = logging.getLogger("hishamos.api")
POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
_IDLE_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_NO_RIGHT = (LoginError, ForbiddenError, ProjectNotFoundError, PersonNotFoundError)
_AT_ONCE = 500
_QUEUED = 1000
# Ends a stream whose client reads too slowly; it goes on by ``Last-Event-ID``.
_TOO_SLOW = None


@dataclass(eq=False)
class _Client:
    organization: str
    project: str
    kinds: frozenset[str]
    queue: "asyncio.Queue[EventView | None]" = field(default_factory=lambda: asyncio.Queue(_QUEUED))

    def wants(self, event: FeedEvent) -> bool:
        """Whether an event is one of those that the client sees and asks for."""
        shown = event.event
        return (
            event.organization == self.organization
            and self.project in ("", shown.project)
            and (not self.kinds or shown.kind in self.kinds)
        )


class EventHub:
    """Reads new events while anybody follows them, and hands each to those who see it.

    Args:
        services: of the installation.
        most: how many clients may follow at a time.
    """

    def __init__(self, services: Services, most: int) -> None:
        self._services, self._most = services, most
        self._clients: set[_Client] = set()
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._last = 0

    def follow(
        self,
        services: Services,
        actor: Actor,
        still_allowed: Callable[[], Awaitable[None]],
        *,
        project: str,
        kinds: frozenset[str],
        after: int | None,
    ) -> AsyncIterator[bytes]:
        """The events for one client, as frames of a stream: those after one, and then those to come.

        Args:
            services: of the client.
            actor: the client.
            still_allowed: raises when they may not follow them any more.
            project: of one project alone; empty for all.
            kinds: of these kinds alone; none for all.
            after: the id of the last event that the client has seen; ``None`` for those to come alone.

        Raises:
            ApiError: too many clients follow.
        """
        if len(self._clients) >= self._most:
            raise ApiError(503, "too-many-streams", f"{self._most} streams are open", {"Retry-After": "30"})
        client = _Client(actor.organization, project or actor.project, kinds)

        def missed_after(number: int) -> list[EventView]:
            return events.after(
                services, actor, number, project=client.project, kinds=client.kinds, limit=_AT_ONCE
            )

        self._clients.add(client)  # now, so that many at once are many
        frames = self._frames(client, missed_after, still_allowed, after)
        finalize(frames, self._clients.discard, client)  # also where nobody ever reads them
        return frames

    async def _frames(
        self,
        client: _Client,
        missed_after: Callable[[int], list[EventView]],
        still_allowed: Callable[[], Awaitable[None]],
        after: int | None,
    ) -> AsyncIterator[bytes]:
        try:
            await self._begin_reading()
            seen = await run_in_threadpool(self._services.store.events.last) if after is None else after
            yield b": following\n\n"
            while after is not None:
                missed = await run_in_threadpool(missed_after, seen)
                for event in missed:
                    seen = event.id
                    yield _frame(event)
                if len(missed) < _AT_ONCE:
                    break
            async for frame in self._live(client, seen, still_allowed):
                yield frame
        finally:
            self._clients.discard(client)

    async def close(self) -> None:
        """End the reading, and every stream."""
        for client in self._clients:
            _end(client)
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _live(
        self, client: _Client, seen: int, still_allowed: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT_SECONDS
        while True:
            try:
                event = await asyncio.wait_for(client.queue.get(), max(0.0, beat - loop.time()))
            except TimeoutError:
                try:
                    await still_allowed()
                except _NO_RIGHT:
                    yield b"event: end\ndata: {}\n\n"
                    return
                except HishamosError as error:  # the store is away: the next beat asks again
                    log.warning("the rights of a stream cannot be looked at: %s", error)
                beat = loop.time() + HEARTBEAT_SECONDS
                yield b": alive\n\n"
                continue
            if event is _TOO_SLOW:
                return
            if event.id > seen:
                seen = event.id
                yield _frame(event)

    async def _begin_reading(self) -> None:
        async with self._starting:
            if self._reader is None or self._reader.done():
                if self._reader is None:
                    self._last = await run_in_threadpool(self._services.store.events.last)
                self._reader = asyncio.create_task(self._read())
            self._wanted.set()

    async def _read(self) -> None:
        while True:
            try:
                found = await run_in_threadpool(events.feed, self._services, self._last, _AT_ONCE)
            except Exception:  # whatever it is, whoever follows waits, and misses nothing
                log.exception("events cannot be read; it is tried again")
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            for event in found:
                self._last = event.event.id
                for client in list(self._clients):
                    if client.wants(event):
                        _hand(client, event.event)
            if len(found) < _AT_ONCE:
                await asyncio.sleep(POLL_SECONDS)
            if not self._clients:
                await self._rest()

    async def _rest(self) -> None:
        """Ask the store seldom while nobody follows; whoever comes wakes the reader."""
        self._wanted.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), _IDLE_SECONDS)


def _hand(client: _Client, event: EventView) -> None:
    if client.queue.full():
        _end(client)
    else:
        client.queue.put_nowait(event)


def _end(client: _Client) -> None:
    while client.queue.full():
        client.queue.get_nowait()
    client.queue.put_nowait(_TOO_SLOW)


def _frame(event: EventView) -> bytes:
    data = json.dumps(event.model_dump(mode="json"), ensure_ascii=False)
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()
