"""Pages of long lists by keyset: what comes after the last row that was seen, whatever was added meanwhile."""

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, or_, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from hishamos_pipeline.errors import InputError
from hishamos_pipeline.store.base import UtcDateTime

T = TypeVar("T")
# Columns by the names that people sort by.
Sorts = Mapping[str, InstrumentedAttribute[Any]]


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which part of a list is wanted.

    Args:
        limit: most items.
        cursor: ``next`` of the page before; empty for the first.
        sort: what the list is in order of, with ``-`` before it for the other way; empty for the list's own order.
        search: what the items' text contains.
    """

    limit: int = 50
    cursor: str = ""
    sort: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class PageOf(Generic[T]):
    """Some items of a list, and the cursor of the next page; empty where there is none."""

    items: tuple[T, ...]
    next: str


def read_page(
    session: Session,
    query: Select[*tuple[Any, ...]],
    sorts: Sorts,
    row_id: InstrumentedAttribute[int],
    page: PageQuery,
    shown: Callable[..., T],
) -> PageOf[T]:
    """Read a page of what a query finds.

    Args:
        session: reads.
        query: what is wanted, one row for each row of the table of ``row_id``; it has no order.
        sorts: columns that may be sorted by; the first is the list's own order.
        row_id: the column that tells rows apart whose other values are the same.
        page: which part.
        shown: makes what is handed out; gets what the query selects.

    Raises:
        InputError: the list is not sorted by that, or the cursor is none of it.
    """
    name, falling = page.sort.removeprefix("-") or next(iter(sorts)).removeprefix("-"), _falling(page, sorts)
    columns = {known.removeprefix("-"): column for known, column in sorts.items()}
    if name not in columns:
        known = ", ".join(columns)
        raise InputError((("sort", f"{name[:40]!r} is none of {known}; `-` before it turns it around"),))
    column, limit = columns[name], page.limit
    order = f"-{name}" if falling else name
    if page.cursor:
        place = tuple_(column, row_id)
        last = _last_seen(page.cursor, order, column)
        query = query.where(place < last if falling else place > last)
    by = (column.desc(), row_id.desc()) if falling else (column, row_id)
    rows = session.execute(query.order_by(*by).limit(limit + 1)).all()
    items = tuple(shown(*row) for row in rows[:limit])
    return PageOf(items, _cursor(order, rows[limit - 1], column, row_id) if len(rows) > limit else "")


def listed_page(items: Sequence[T], page: PageQuery, key: Callable[[T], Any]) -> PageOf[T]:
    """A page of a short list that is there as a whole, in the order of its keys.

    Args:
        items: the list.
        page: which part.
        key: tells the items apart, and is what they are in order of: a text, a number, or several of them.

    Raises:
        InputError: the cursor is none of this list.
    """
    ordered = sorted(items, key=key)
    start = 0
    if page.cursor:
        (last,) = _decoded(page.cursor, "", 1)
        try:
            start = bisect_right(ordered, tuple(last) if isinstance(last, list) else last, key=key)
        except TypeError:
            raise _no_cursor() from None
    some = ordered[start : start + page.limit]
    return PageOf(tuple(some), _encoded("", key(some[-1])) if start + page.limit < len(ordered) else "")


def containing(text: str, *columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The condition that one of some columns contains a text, in whatever case."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _falling(page: PageQuery, sorts: Sorts) -> bool:
    return (page.sort or next(iter(sorts))).startswith("-")


def _cursor(
    order: str, row: Row[Any], column: InstrumentedAttribute[Any], row_id: InstrumentedAttribute[int]
) -> str:
    table: Any = row_id.class_
    last = next(found for found in row if isinstance(found, table))
    value = getattr(last, column.key)
    return _encoded(
        order, value.isoformat() if isinstance(value, datetime) else value, getattr(last, row_id.key)
    )


def _last_seen(cursor: str, order: str, column: InstrumentedAttribute[Any]) -> tuple[Any, int]:
    value, number = _decoded(cursor, order, 2)
    try:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**31:
            raise ValueError(number)
        if isinstance(column.type, UtcDateTime):
            return datetime.fromisoformat(value), number
        kind = column.type.python_type
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError(value)
        if type(value) not in (kind, int if kind is float else kind) or "\0" in str(value):
            raise ValueError(value)
        if kind is int and not 0 <= value < 2**31:
            raise ValueError(value)
        str(value).encode()
    except (TypeError, ValueError):
        raise _no_cursor() from None
    return value, number


def _encoded(order: str, *values: Any) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps([order, *values], ensure_ascii=False).encode())
        .decode()
        .rstrip("=")
    )


def _decoded(cursor: str, order: str, count: int) -> list[Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _no_cursor() from None
    if not isinstance(found, list) or len(found) != count + 1 or found[0] != order:
        raise _no_cursor()
    return found[1:]


def _no_cursor() -> InputError:
    return InputError(
        (("cursor", "give the `next` of a page of this list, in the same order, or leave it out"),)
    )
