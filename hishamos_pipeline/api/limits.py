"""How many requests somebody may make: by person, by token, and by the address that they come from."""

import logging
import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute, strategies
from limits.errors import StorageError
from limits.storage import storage_from_string

from hishamos_pipeline.accounts.delays import counted_as
from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.settings import Settings

log = logging.getLogger("hishamos.api")
_REDIS = ("redis://", "rediss://")
_REDIS_SECONDS = 1


@dataclass(frozen=True, slots=True)
class RateState:
    """How much of a limit is left: requests, and seconds until more are allowed."""

    limit: int
    remaining: int
    resets_in: int

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w=60',
            "RateLimit": f'"requests";r={self.remaining};t={self.resets_in}',
        }


class RateLimits:
    """Counts requests: in this process, or in Redis where several processes share it.

    Args:
        settings: name the limits, and the Redis server if there is one.
    """

    def __init__(self, settings: Settings) -> None:
        broker = settings.celery_broker
        if broker.startswith(_REDIS):
            wait = {"socket_timeout": _REDIS_SECONDS, "socket_connect_timeout": _REDIS_SECONDS}
            storage = storage_from_string(broker, wrap_exceptions=True, **wait)
        else:
            storage = storage_from_string("memory://")
        self._limiter = strategies.SlidingWindowCounterRateLimiter(storage)
        self._most = RateLimitItemPerMinute(settings.api_per_minute)
        self._most_unknown = RateLimitItemPerMinute(settings.api_logins_per_minute)

    def count(self, *whose: str) -> RateState:
        """Count a request of somebody who is logged in; the limit that is nearest to its end.

        Raises:
            ApiError: there were too many (429).
        """
        return min((self._hit(self._most, name) for name in whose), key=lambda state: state.remaining)

    def count_unknown(self, address: str) -> RateState:
        """Count a request of somebody who has not logged in, or could not.

        Raises:
            ApiError: there were too many (429).
        """
        return self._hit(self._most_unknown, f"unknown:{counted_as(address)}")

    def _hit(self, limit: RateLimitItemPerMinute, name: str) -> RateState:
        try:
            allowed = self._limiter.hit(limit, name)
            reset_at, remaining = self._limiter.get_window_stats(limit, name)
        except StorageError as error:  # without Redis, nothing is limited rather than nothing allowed
            log.warning("requests are not limited: %s", error)
            return RateState(limit.amount, limit.amount, 0)
        state = RateState(limit.amount, max(0, remaining), max(0, math.ceil(reset_at - time.time())))
        if not allowed:
            headers = {**state.headers, "Retry-After": str(max(1, state.resets_in))}
            raise ApiError(
                429,
                "too-many-requests",
                f"at most {limit.amount} requests a minute: wait {max(1, state.resets_in)} s",
                headers,
            )
        return state
