"""What verification is doing: each check is logged as it ends, with the seconds that it took."""

import logging
import time
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.sandbox.interface import Outcome

log = logging.getLogger("hishamos.verification")
_Checks = TypeVar("_Checks", CheckOutcome, tuple[CheckOutcome, ...])


async def told(made: Awaitable[_Checks]) -> _Checks:
    """Wait for checks, and tell how each ended."""
    started = time.monotonic()
    found = await made
    tell((found,) if isinstance(found, CheckOutcome) else found, time.monotonic() - started)
    return found


def tell(checks: Iterable[CheckOutcome], seconds: float) -> None:
    """Log how checks ended that were made together."""
    for check in checks:
        how = "passed" if check.passed else f"failed: {check.offending[0] if check.offending else ''}"
        log.info("check %s (%g %s, %.1f s) %s", check.name, check.figure, check.unit, seconds, how[:300])


async def told_command(what: str, run: Awaitable[Outcome]) -> Outcome:
    """Wait for a command, and tell how it ended."""
    outcome = await run
    log.info("%s: %s, %.1f s", what, outcome.ending, outcome.seconds)
    return outcome
