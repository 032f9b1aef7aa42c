"""What is done for somebody later, in the background: with the rights that they have by then, and a heartbeat."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from hishamos_pipeline.application import logins
from hishamos_pipeline.application.tokens import require_still_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import HishamosError, LoginError
from hishamos_pipeline.generation.services import Services

log = logging.getLogger("hishamos.work")


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever has asked for something that is done later.

    Args:
        user_id: who it is.
        organization: in which it was asked for.
        via: the door.
        scopes: the actions that they had then, by commas; empty for all. Never more than they have by then.
        known_by: what they have shown then.
        project: the only project that it may be about; empty for all.
    """

    user_id: int
    organization: str
    via: str
    scopes: str = ""
    known_by: str = ""
    project: str = ""

    def by_then(self, services: Services) -> Actor:
        """Them, with the rights that they have now.

        Raises:
            LoginError: they are switched off, no member any more, or have logged out everywhere since.
        """
        user = services.store.users.get(self.user_id)
        if not user.is_active:
            raise LoginError(f"{user.email} is switched off")
        actor = logins.actor_of(services, user, self.organization, via=self.via)
        allowed = frozenset(self.scopes.split(",")) if self.scopes else None
        if actor.scopes is not None:  # such as none at all, until a second factor is set up
            allowed = actor.scopes if allowed is None else allowed & actor.scopes
        actor = replace(actor, scopes=allowed, known_by=self.known_by, project=self.project)
        require_still_known(services, actor)
        return actor


async def until_it_is_not_to_go_on(beat: Callable[[], bool], seconds: float, what: str) -> None:
    """Say again and again that something is being done, until it was stopped, or somebody else does it.

    Args:
        beat: says so, and whether it is to go on.
        seconds: between two beats.
        what: is done, in words.
    """
    goes_on = True
    while goes_on:
        await asyncio.sleep(seconds)
        try:
            goes_on = await asyncio.to_thread(beat)
        except HishamosError as error:  # the store is away for a while; the next beat tells
            log.warning("the heartbeat of %s could not be written: %s", what, error)
