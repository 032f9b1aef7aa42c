"""Short transactions over the store's engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from hishamos_pipeline.core.clock import Clock
from hishamos_pipeline.errors import ProjectNotFoundError
from hishamos_pipeline.store.tables import Project


@dataclass(frozen=True, slots=True)
class Sessions:
    """Hands out sessions; one for writing commits at its end or rolls back."""

    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    clock: Clock

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with self.reading() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed at the end."""
        with self.writing.begin() as session:
            yield session


def find_project(session: Session, key: str) -> Project:
    """The row of a project.

    Raises:
        ProjectNotFoundError: if there is none.
    """
    project = session.scalars(select(Project).where(Project.key == key)).one_or_none()
    if project is None:
        raise ProjectNotFoundError(
            f"no project {key!r}: submit its idea first, with `hishamos ideas submit FILE` "
            "or a file in the inbox"
        )
    return project
