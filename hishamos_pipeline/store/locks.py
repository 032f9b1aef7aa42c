"""Locks that all machines see: PostgreSQL's advisory locks. The embedded store has one machine, whose files do."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hishamos_pipeline.errors import ProjectBusyError
from hishamos_pipeline.store.sessions import reachable

_PAUSE_SECONDS = 0.5


class Locks:
    """Hands out locks by name.

    A lock belongs to a connection: the server frees it when the process or the machine is gone. When the server itself
    is lost, so are its locks; whoever held one goes on, which the store's own rules make harmless.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def hold(self, name: str, *, wait_seconds: float) -> Iterator[None]:
        """Hold a lock; on the embedded store, do nothing.

        Args:
            name: what is locked, such as a project with an artifact's kind.
            wait_seconds: how long to wait for another holder.

        Raises:
            ProjectBusyError: somebody still holds it after that time.
            StoreAwayError: the server cannot be reached.
        """
        if self._engine.dialect.name != "postgresql":
            yield
            return
        with reachable():
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with reachable():
                _acquire(connection, name, wait_seconds)
            yield
        finally:
            with suppress(SQLAlchemyError):  # the server was lost, and the lock with it
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
            with suppress(SQLAlchemyError):
                connection.close()


def _acquire(connection: Connection, name: str, wait_seconds: float) -> None:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    until = time.monotonic() + wait_seconds
    while not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar():
        if time.monotonic() >= until:
            raise ProjectBusyError(
                f"{name} is being made by another process, and still was after {wait_seconds:g} s "
                "(HISHAMOS_LOCK_SECONDS); wait for it, or stop it"
            )
        time.sleep(_PAUSE_SECONDS)
