"""Short transactions over the store's engine."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, GenerativeSelect, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from hishamos_pipeline.core.actor import INSTALLATION, Actor
from hishamos_pipeline.core.clock import Clock
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import ProjectBusyError, ProjectNotFoundError, StorageError, StoreAwayError
from hishamos_pipeline.store.base import Base
from hishamos_pipeline.store.database import WRITES
from hishamos_pipeline.store.organizations.scope import ACTOR, visible
from hishamos_pipeline.store.projects.tables import DeletionRow, ProjectRow

_PAUSE_SECONDS = 0.5
_DAMAGED = (
    "the project store is damaged: its file is no whole SQLite database. Bring it back from a backup "
    "(docs/operations.md), or move it away, with its -wal and -shm files, to begin with an empty store; the folders of "
    "the projects stay as they are"
)
# Whoever adds to the audit log or the events on a server takes turns, after all rows of its transaction are locked.
LOG_LOCK = 7_411_002
Q = TypeVar("Q", bound=GenerativeSelect)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Hands out sessions; one for writing commits at its end or rolls back."""

    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    clock: Clock
    wait_seconds: float = 0.0
    actor: Actor = INSTALLATION

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with reachable(), self._open(self.reading) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed at the end."""
        with reachable(), self._open(self.writing) as session:
            yield session
            session.commit()

    def _open(self, make: sessionmaker[Session]) -> Session:
        """A session with a connection: before its transaction, a server that is away can be waited for."""
        until = time.monotonic() + self.wait_seconds
        while True:
            session = make(info={ACTOR: self.actor})
            try:
                with reachable():
                    session.connection()
                return session
            except BaseException as error:
                session.close()
                if not isinstance(error, StoreAwayError) or time.monotonic() >= until:
                    raise
                time.sleep(_PAUSE_SECONDS)


@contextmanager
def reachable() -> Iterator[None]:
    """Turn the errors of a database that is away, full or locked into ours; its URL is not told.

    Raises:
        StoreAwayError: it cannot be reached, or was lost.
        StorageError: it is full, damaged, or locked for too long.
    """
    try:
        yield
    except PoolTimeoutError:
        raise StoreAwayError(
            "every connection to the project store is in use: try again in a moment"
        ) from None
    except DBAPIError as error:
        if is_damaged(error):
            raise StorageError(_DAMAGED) from None
        if not (isinstance(error, OperationalError) or error.connection_invalidated):
            raise
        why = " ".join(str(error.orig).split())[:300]
        raise (StoreAwayError if _is_away(error) else StorageError)(
            f"the project store cannot be used ({why}): check HISHAMOS_DATABASE_URL, "
            "and that the database is there and its disk not full"
        ) from None


def is_damaged(error: DBAPIError) -> bool:
    """Whether SQLite says that the file is none of its own, or not whole."""
    return any(
        said in str(error.orig) for said in ("file is not a database", "malformed", "file is encrypted")
    )


def _is_away(error: DBAPIError) -> bool:
    """Whether the server is not there: then it gives no code of its own, or one of its shutting down."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "pgcode", "none of PostgreSQL")
    return code is None or code.startswith("57P")


def find_project(session: Session, key: str) -> ProjectRow:
    """The row of a project of the actor's organization; in a session that writes, it is locked until the end.

    So writers take turns; SQLite's do as it is.

    Raises:
        ProjectNotFoundError: if there is none.
    """
    query = select(ProjectRow).where(ProjectRow.key == key, visible(session))
    project = session.scalars(locked(session, query)).one_or_none()
    if project is None:
        raise ProjectNotFoundError(
            f"no project {key!r}: submit its idea first, with `hishamos ideas submit FILE` "
            "or a file in the inbox"
        )
    return project


def refuse_deleted(session: Session, key: str) -> None:
    """Refuse to go on with a project that is being deleted.

    Raises:
        ProjectBusyError: it is.
    """
    if session.get(DeletionRow, key):
        raise ProjectBusyError(
            f"project {key!r} is being deleted: wait until `hishamos cleanup` has finished that"
        )


def stored_text(text: str, longest: int = 4000) -> str:
    """A reason or an error as it is stored: without secrets, then cut, and without what PostgreSQL takes in no text."""
    return mask(text).replace("\0", "")[:longest]


def locked(session: Session, query: Q) -> Q:
    """A query whose rows are locked until the end of a session that writes."""
    return query.with_for_update() if session.get_bind().get_execution_options().get(WRITES) else query


def rows_changed(session: Session, statement: Executable) -> int:
    """Execute an update or a deletion; how many rows it has changed."""
    done = session.execute(statement)
    assert isinstance(done, CursorResult)
    return int(done.rowcount)


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, but none whose key exists already."""
    if rows:
        session.execute(insert_of(session)(table).on_conflict_do_nothing(), rows)


def insert_or_update(
    session: Session,
    table: type[Base],
    rows: Sequence[Mapping[str, object]],
    *,
    key: Sequence[str],
    updated: Sequence[str],
) -> None:
    """Insert rows; of those whose key exists already, some columns are set to the new values. Each row at once."""
    if rows:
        made = insert_of(session)(table)
        new = {name: made.excluded[name] for name in updated}
        session.execute(made.on_conflict_do_update(index_elements=key, set_=new), rows)


def insert_of(session: Session) -> Any:
    """The ``insert`` of the session's database, which knows what to do about rows that exist already."""
    return postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
