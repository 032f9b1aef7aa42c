"""What goes wrong on the way to a host, on demand."""

import re
import threading
from dataclasses import dataclass
from typing import Any

from tests.fakes.git_hosts.wire import Answer

KINDS = frozenset("status reset half_body redirect hang done_then html garbage reset_mid_pack".split())
PORTAL = b"<!doctype html><html><title>Sign in</title><body>Welcome to our wireless network</body></html>"


@dataclass
class Fault:
    """One thing that goes wrong with requests that match, ``times`` times after ``skip`` good ones."""

    kind: str
    method: str | None
    path: str
    host: str | None
    times: int
    skip: int
    details: dict[str, Any]

    def matches(self, host: str, method: str, path: str) -> bool:
        """Whether a request is meant."""
        return (
            self.times > 0
            and self.host in (None, host)
            and self.method in (None, method)
            and re.search(self.path, path) is not None
        )


class Faults:
    """The faults that are still to come.

    ``status`` (status=, headers=, body=) answers without doing the work; ``reset`` answers nothing; ``half_body`` does
    the work and stops in the middle of the answer; ``redirect`` (status=, location=); ``hang`` (seconds=) and then
    nothing; ``done_then`` does the work and answers status=, headers=, body=, or nothing without a status; ``html`` is
    a captive portal's page; ``garbage`` is broken JSON; ``reset_mid_pack`` (after=bytes) reads a part of a body.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        method: str | None = None,
        path: str = "",
        *,
        kind: str,
        host: str | None = None,
        times: int = 1,
        skip: int = 0,
        **details: Any,
    ) -> None:
        """Plan a fault; the path is a regular expression, searched in the path without the query."""
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(sorted(KINDS))}")
        self._faults.append(Fault(kind, method, path, host, times, skip, details))

    def clear(self) -> None:
        """Nothing more goes wrong."""
        self._faults.clear()

    @property
    def left(self) -> list[Fault]:
        """Faults that have not been played as often as planned."""
        return [fault for fault in self._faults if fault.times > 0]

    def take(self, host: str, method: str, path: str) -> Fault | None:
        """The fault to play on a request, if any."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(host, method, path):
                    if fault.skip == 0:
                        fault.times -= 1
                        return fault
                    fault.skip -= 1
        return None


def works(fault: Fault | None) -> bool:
    """Whether the host does its work all the same."""
    return fault is None or fault.kind in ("done_then", "half_body")


def cuts_in_mid_body(fault: Fault | None) -> int | None:
    """The number of bytes after which a request is cut."""
    return fault.details.get("after", 1000) if fault and fault.kind == "reset_mid_pack" else None


def instead_of_answer(fault: Fault) -> Answer | None:
    """What is answered; None for a connection that is cut."""
    details = fault.details
    if fault.kind == "html":
        return Answer(200, PORTAL, {"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "garbage":
        return Answer(200, b'{"id": 1, "full_na', {"Content-Type": "application/json; charset=utf-8"})
    if fault.kind == "redirect":
        return Answer(details.get("status", 302), b"", {"Location": details["location"]})
    if fault.kind in ("status", "done_then") and "status" in details:
        return Answer(details["status"], details.get("body"), details.get("headers", {}))
    return None
