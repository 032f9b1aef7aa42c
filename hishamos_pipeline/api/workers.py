"""Workers of the API's process, which do agents' tasks and steps of workflows in the background."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from anyio.from_thread import BlockingPortal, start_blocking_portal

from hishamos_pipeline.application.agent_tasks import do_next_task
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.workflows.waiting import tick
from hishamos_pipeline.workflows.working import StepWorker

log = logging.getLogger("hishamos.agents")
_IDLE_SECONDS = 2.0
_AWAY_SECONDS = 30.0


class TaskWorkers:
    """Do some tasks and steps at a time, in an event loop of their own, so that no request waits for one.

    Args:
        services: of the installation.
        count: how many of them at the same time; 0 leaves them to other processes.
    """

    def __init__(self, services: Services, count: int) -> None:
        self._services = services
        self._count = count
        self._portal: BlockingPortal | None = None
        self._wanted: asyncio.Event | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """As long as this goes on, tasks are done; what is unfinished at the end is taken up by another process."""
        if not self._count:
            yield
            return
        with start_blocking_portal() as portal:
            self._portal = portal
            begun = [portal.start_task_soon(self._work, number) for number in range(self._count)]
            begun.append(portal.start_task_soon(self._look))
            try:
                yield
            finally:
                self._portal = None
                for worker in begun:
                    worker.cancel()

    def wake(self) -> None:
        """Look at once for what there is to do."""
        if self._portal is not None:
            self._portal.start_task_soon(self._wake)

    async def _wake(self) -> None:
        if self._wanted is not None:
            self._wanted.set()

    async def _look(self) -> None:
        """Look again and again at what runs of workflows wait for."""
        while True:
            try:
                if await asyncio.to_thread(tick, self._services):
                    await self._wake()
                await asyncio.sleep(_IDLE_SECONDS)
            except Exception as error:  # as a rule the store is away; whatever it is, it is looked again
                log.warning("runs of workflows cannot be looked at: %s: %s", type(error).__name__, error)
                await asyncio.sleep(_AWAY_SECONDS)

    async def _work(self, number: int) -> None:
        wanted = self._wanted = self._wanted or asyncio.Event()
        steps = StepWorker(self._services, f"api {os.getpid()}.{number}", does_heavy=True)
        while True:
            try:
                worked = await do_next_task(self._services) or await steps.do_next()
            except Exception as error:  # as a rule the store is away; whatever it is, a worker goes on
                log.warning("nothing can be taken up: %s: %s", type(error).__name__, error)
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if not worked:
                wanted.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(wanted.wait(), _IDLE_SECONDS)
