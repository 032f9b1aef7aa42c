"""Short transactions over the store's engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from hishamos_pipeline.core.clock import Clock
from hishamos_pipeline.errors import ProjectNotFoundError, StorageError
from hishamos_pipeline.store.tables import Base, Project

WRITES = "hishamos_writes"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Hands out sessions; one for writing commits at its end or rolls back."""

    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    clock: Clock

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with reachable(), self.reading() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed at the end."""
        with reachable(), self.writing.begin() as session:
            yield session


@contextmanager
def reachable() -> Iterator[None]:
    """Turn the errors of a database that is away, full or locked into ``StorageError``; its URL is not told."""
    try:
        yield
    except OperationalError as error:
        why = " ".join(str(error.orig).split())[:300]
        raise StorageError(
            f"the project store cannot be used ({why}): check HISHAMOS_DATABASE_URL, and that the database is there"
        ) from None


def find_project(session: Session, key: str) -> Project:
    """The row of a project; in a session that writes, it is locked until the end, so that writers take turns.

    SQLite's writers take turns as it is.

    Raises:
        ProjectNotFoundError: if there is none.
    """
    query = select(Project).where(Project.key == key)
    if session.info.get(WRITES):
        query = query.with_for_update()
    project = session.scalars(query).one_or_none()
    if project is None:
        raise ProjectNotFoundError(
            f"no project {key!r}: submit its idea first, with `hishamos ideas submit FILE` "
            "or a file in the inbox"
        )
    return project


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, but none whose key exists already."""
    if rows:
        insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
        session.execute(insert(table).on_conflict_do_nothing(), rows)
