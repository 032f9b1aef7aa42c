"""Doing the steps that are ready, one after the other: as whoever owns the run, with a heartbeat, until they end."""

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial

from hishamos_pipeline.application.later_work import Asker, until_it_is_not_to_go_on
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.workflows.states import Event, Failed, Parked, Succeeded
from hishamos_pipeline.errors import HishamosError, StorageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.workflows.records import ClaimedStep
from hishamos_pipeline.workflows.step_handlers import HANDLERS, StepWork, Waits

log = logging.getLogger("hishamos.workflows")
_BEAT_SECONDS = 5.0
# Every so many steps, the oldest is taken, whatever its priority is.
_FAIR = 4
# How long the end of a step is kept while the store is away.
_AWAY_SECONDS = 600.0
_UNAVAILABLE = (StorageError, OSError)


class StepWorker:
    """Does steps.

    Args:
        services: of the installation.
        name: under which its work is known.
        does_heavy: whether it does steps that take long, too.
        beat_seconds: how often it says, and asks, whether it goes on.
    """

    def __init__(
        self,
        services: Services,
        name: str,
        *,
        does_heavy: bool = False,
        beat_seconds: float = _BEAT_SECONDS,
    ) -> None:
        self._services, self._name, self._does_heavy = services, name, does_heavy
        self._beat_seconds, self._count = beat_seconds, 0

    async def do_next(self, run: int | None = None) -> bool:
        """Do the step that is next, of one run if it is named; whether there was one."""
        self._count += 1
        runs = self._services.store.workflow_runs
        claimed = await asyncio.to_thread(
            runs.claim, self._name, run=run, heavy=self._does_heavy, oldest=self._count % _FAIR == 0
        )
        if claimed is None:
            return False
        ended = await self._until_stopped(claimed)
        if ended is not None:
            await self._tell(claimed, ended)
        return True

    async def _tell(self, claimed: ClaimedStep, ended: Event) -> None:
        """Tell a run how its step has ended; what was paid for is not lost while the store is away."""
        runs, until = self._services.store.workflow_runs, time.monotonic() + _AWAY_SECONDS
        while True:
            try:
                await asyncio.to_thread(runs.happen, claimed.run_id, ended)
                return
            except StorageError as error:
                if time.monotonic() > until:
                    raise
                log.warning("the end of step %s of run %d: %s", claimed.step.key, claimed.run_id, error)
                await asyncio.sleep(min(self._beat_seconds, 1.0))
            except HishamosError:
                raise
            except Exception as error:
                log.exception("the end of step %s of run %d", claimed.step.key, claimed.run_id)
                if isinstance(ended, Failed):
                    raise
                said = mask(f"{type(error).__name__}: {error}")
                ended = Failed(claimed.step.key, claimed.step.attempt, "outputs", said, None)

    async def _until_stopped(self, claimed: ClaimedStep) -> Event | None:
        """How a step has ended; ``None`` if it was stopped, so that nobody waits for it any more."""
        working = asyncio.create_task(_done(self._services, claimed))
        runs, what = self._services.store.workflow_runs, f"step {claimed.step.key} of run {claimed.run_id}"
        beat = partial(runs.beat, claimed)
        stopping = asyncio.create_task(until_it_is_not_to_go_on(beat, self._beat_seconds, what))
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                stopping.result()  # raises what has ended the beats
                working.cancel()
                await asyncio.wait({working})
                return None
            return working.result()
        except asyncio.CancelledError:  # the process ends; another one begins the step again at once
            said = "its worker was stopped"
            lost = Failed(claimed.step.key, claimed.step.attempt, "lost", said)
            with suppress(HishamosError):  # else it is lost by its silence
                runs.happen(claimed.run_id, lost)
            raise
        finally:
            working.cancel()
            stopping.cancel()


async def _done(services: Services, claimed: ClaimedStep) -> Event:
    key, attempt = claimed.step.key, claimed.step.attempt
    try:
        actor = await asyncio.to_thread(actor_of, services, claimed)
        result = await HANDLERS[claimed.type](StepWork(services.acting_as(actor), actor, claimed))
    except _UNAVAILABLE as error:
        return Failed(key, attempt, "unavailable", mask(str(error)))
    except HishamosError as error:
        return Failed(key, attempt, "error", mask(str(error)))
    except Exception as error:
        log.exception("step %s of run %d", key, claimed.run_id)
        return Failed(key, attempt, "error", mask(f"{type(error).__name__}: {error}"))
    if isinstance(result, Waits):
        return Parked(key, attempt, result.waits_for)
    return Succeeded(key, attempt, result.outputs, result.usd, result.tokens)


def actor_of(services: Services, claimed: ClaimedStep) -> Actor:
    """Whoever owns a run, with the rights that they have now.

    Raises:
        LoginError: they are switched off, no member any more, or have logged out everywhere since.
    """
    if not claimed.user_id:  # the person at the machine's command line, who has no account
        name = claimed.owner.removeprefix("user:")
        return Actor(name, organization=claimed.organization, via="workflow", role="admin", superuser=True)
    asker = Asker(
        claimed.user_id,
        claimed.organization,
        "workflow",
        claimed.scopes,
        claimed.known_by,
        claimed.only_project,
    )
    return asker.by_then(services)
