"""Requests to a Git host: told apart when they fail, tried again where that can help, and never too long."""

import json
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.delivery.hosts.causes import TRANSIENT, host_error
from hishamos_pipeline.errors import HostError

T = TypeVar("T")

_FIRST_SECONDS = 0.5
# All waits for one request together, in the longest ones.
_PATIENCE = 2
# What GitHub asks for where it names no time itself.
_SECONDARY_SECONDS = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How long and how often a host is tried.

    Args:
        retries: tries after the first.
        longest: the longest wait in seconds; a host that asks for more is given up.
        sleep: waits so many seconds.
    """

    retries: int = 4
    longest: float = 60.0
    sleep: Callable[[float], None] = field(default=time.sleep)

    def persist(self, work: Callable[[], T], *, repeat: bool = True) -> T:
        """Do something until it works, or until trying again is useless.

        Args:
            work: raises ``HostError``.
            repeat: whether doing it twice is harmless; if not, it is tried again only where nothing was done for sure.

        Raises:
            HostError: the last one.
        """
        waited = 0.0
        for attempt in range(self.retries + 1):
            try:
                return work()
            except HostError as error:
                wait = self.wait_before(error, attempt)
                if wait is None or attempt == self.retries or (error.done and not repeat):
                    raise
                waited += wait
                if waited > _PATIENCE * self.longest:
                    raise
                self.sleep(wait)
        raise AssertionError("unreachable")

    def wait_before(self, error: HostError, attempt: int) -> float | None:
        """Seconds before the next try, ``None`` if there should be none."""
        if error.cause not in TRANSIENT:
            return None
        wait = error.wait
        if wait is None and error.cause == "secondary_limit":
            wait = _SECONDARY_SECONDS * (attempt + 1)
        if wait is not None:
            return wait if wait <= self.longest else None
        exponential: float = _FIRST_SECONDS * 2**attempt
        return min(exponential, self.longest) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries


def unless_missing(look: Callable[[], T]) -> T | None:
    """What a look finds; ``None`` where the host says that there is nothing."""
    try:
        return look()
    except HostError as error:
        if error.cause != "not_found":
            raise
        return None


def whole(found: Any) -> Any:
    """The answer itself, where nothing is read off it."""
    return found


def text_of(value: Any) -> str:
    """A field that has to be there; a captive portal's page of HTML has none.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("a field is missing")
    return value


def of_requests(error: Exception, host: str) -> HostError:
    """What went wrong below the host's own answers: network, TLS, or something that is no such host.

    The connection may have broken after the host had done what it was asked for.
    """
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, requests.exceptions.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        reason = re.search(r"certificate verify failed: [^(\"']+", said)
        return host_error("tls", host, reason[0] if reason else "no safe connection")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return host_error("timeout", host, "no connection in time")
    if (
        isinstance(error, requests.exceptions.Timeout) or "timed out" in said
    ):  # also as urllib3's retries wrap it
        return host_error("timeout", host, "no answer in time", done=True)
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError):
        if "NameResolutionError" in said or "resolve" in said:
            return host_error("dns", host, "its name is not known")
        if "NewConnectionError" in said or "Connection refused" in said:
            return host_error("unreachable", host, "no connection")
        return host_error("unreachable", host, "the connection broke off", done=True)
    if isinstance(error, json.JSONDecodeError | requests.exceptions.JSONDecodeError):
        return host_error("not_a_host", host, "the answer is not JSON", done=True)
    lacks = f"the answer lacks {error.args[0]!r}" if isinstance(error, KeyError) and error.args else ""
    return host_error("not_a_host", host, lacks or f"unexpected answer ({said[:200]})", done=True)
