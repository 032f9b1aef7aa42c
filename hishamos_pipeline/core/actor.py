"""Who acts: a person on the command line, a run, a sensor; for the audit log."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_actor: ContextVar[str] = ContextVar("hishamos_actor", default="")


def actor() -> str:
    """Whoever acts now: ``user:NAME`` unless something else was set."""
    return _actor.get() or f"user:{user()}"


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


def user() -> str:
    """The name of whoever sits at the command line; in a container, a number may have none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
