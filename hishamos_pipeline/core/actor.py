"""Who acts: a person on the command line, a run, a sensor; for the audit log."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_actor: ContextVar[str] = ContextVar("hishamos_actor", default="")


def actor() -> str:
    """Whoever acts now: ``user:NAME`` unless something else was set."""
    return _actor.get() or f"user:{_user()}"


def act_as(name: str) -> None:
    """Act as somebody from now on, in this context."""
    _actor.set(name)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Act as somebody for a while."""
    token = _actor.set(name)
    try:
        yield
    finally:
        _actor.reset(token)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"
