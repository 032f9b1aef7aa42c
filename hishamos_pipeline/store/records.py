"""From rows to frozen records: no row of SQLAlchemy's leaves the store."""

import functools
from dataclasses import fields
from typing import TypeVar

from hishamos_pipeline.errors import ChangedMeanwhileError
from hishamos_pipeline.store.base import Base

R = TypeVar("R")


def record(as_type: type[R], row: Base, **given: object) -> R:
    """A record with the values of a row.

    Args:
        as_type: a frozen dataclass whose fields are named like the row's columns.
        row: the row.
        given: fields that are not the row's own.
    """
    return as_type(**{name: given[name] if name in given else getattr(row, name) for name in _names(as_type)})  # type: ignore[arg-type]


@functools.cache
def _names(as_type: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(as_type))


def require_as_seen(seen: R | None, now: R, name: str) -> None:
    """Make sure that nobody has changed something since it was seen; within the transaction that changes it.

    Raises:
        ChangedMeanwhileError: somebody has.
    """
    if seen is not None and seen != now:
        raise ChangedMeanwhileError(f"{name} was changed meanwhile: read it again, and change what it is now")
