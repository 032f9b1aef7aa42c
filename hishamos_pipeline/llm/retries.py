"""Which failures of a provider can heal, and how long to wait for that."""

import random

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelUnavailableError,
)

_HEALS = (
    ModelRateLimitError,
    ModelUnavailableError,
    ModelServerError,
    ModelConnectionError,
)
_FIRST_SECONDS = 0.5


def heals(error: ModelAPIError) -> bool:
    """Whether the same question may be answered a little later.

    A stream that broke off arrives as a plain ``ModelAPIError`` without a status.
    """
    if isinstance(error, ModelQuotaExceededError):
        return False
    return isinstance(error, _HEALS) or type(error) is ModelAPIError


def elsewhere(error: ModelAPIError) -> bool:
    """Whether another model may do better; a wrong key or a bad request has to be loud instead."""
    return isinstance(error, ModelContextWindowExceededError) or not isinstance(
        error, ModelRequestRejectedError
    )


def wait_before(error: ModelAPIError, attempt: int, longest: float) -> float | None:
    """Seconds before the next try; ``None`` if there should be none.

    Args:
        error: why the last try failed.
        attempt: its number, from 1.
        longest: a provider that asks for a longer wait is given up.
    """
    if not heals(error):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= longest else None
    exponential = _FIRST_SECONDS * 2 ** (attempt - 1)
    return float(min(exponential, longest) * random.uniform(0.75, 1.25))  # noqa: S311 - spreads retries
