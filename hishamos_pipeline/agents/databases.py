"""Databases that agents may ask: named by the operator, read only, one SELECT at a time, within a time and some rows.

A statement is parsed, and what was parsed is what is sent. The connection is read only besides; what else its login
may see is for the operator to decide: give it one that sees what agents may.
"""

import csv
import io
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.text.untrusted import without_tricks
from hishamos_pipeline.errors import QueryError

_LONGEST_CELL = 500
_LONGEST_STATEMENT = 20_000
_LONGEST_ANSWER = 200_000
_STEPS = 1000  # of SQLite's machine between two looks at the clock
_LARGEST_VALUE, _MOST_COLUMNS = 200_000, 100
_IS_SUPERUSER = "select rolsuper from pg_roles where rolname = current_user"
# Functions that reach files, other connections or the server itself,
# or that run or dump what they are given as a text.
_REFUSED = (
    "pg_", "lo_", "dblink", "set_config", "load_extension", "readfile", "writefile", "ts_stat", "ts_rewrite",
    "query_to_", "table_to_", "schema_to_", "database_to_", "cursor_to_", "crosstab", "connectby",
)  # fmt: skip
_DIALECTS = {"sqlite": "sqlite", "postgresql": "postgres"}


class QueriedDatabases:
    """Answers SELECT statements.

    Args:
        urls: URLs of SQLite and PostgreSQL databases by name, as SQLAlchemy has them.
        seconds: how long a statement may take.
        most_rows: how many rows are given.
    """

    def __init__(self, urls: Mapping[str, str], *, seconds: float, most_rows: int) -> None:
        self._urls, self._seconds, self._most_rows = urls, seconds, most_rows

    @property
    def names(self) -> list[str]:
        """The databases."""
        return sorted(self._urls)

    def query(self, name: str, statement: str) -> str:
        """The rows of a statement as CSV, with the columns' names first.

        Raises:
            QueryError: there is no such database, the statement is no single SELECT, or the database refuses it.
        """
        if name not in self._urls:
            raise QueryError(
                f"there is no database {name[:80]!r}; there are {', '.join(self.names) or 'none'}"
            )
        from sqlalchemy import make_url
        from sqlalchemy.exc import DBAPIError

        url = make_url(self._urls[name])
        dialect = url.get_backend_name()
        if dialect not in _DIALECTS:
            raise QueryError(f"{name} is no SQLite or PostgreSQL database")
        checked = _checked(statement, _DIALECTS[dialect])
        engine = self._read_only(url)
        try:
            with engine.connect() as connection:
                if dialect == "postgresql" and connection.exec_driver_sql(_IS_SUPERUSER).scalar():
                    raise QueryError(
                        f"{name} has the login of a superuser: the operator has to give it another one"
                    )
                with self._cancelled_in_time(connection, dialect):
                    read = connection.execution_options(
                        stream_results=True, max_row_buffer=1, no_parameters=True
                    )
                    result = read.exec_driver_sql(checked)
                    return self._shown(list(result.keys()), result)
        except (DBAPIError, sqlite3.Error) as error:
            said = str(getattr(error, "orig", None) or error)
            raise QueryError(mask(f"{name} refuses it: {said.splitlines()[0][:300]}")) from None
        finally:
            engine.dispose()

    def _read_only(self, url: Any) -> Any:
        """An engine whose connections change nothing, and end what takes too long."""
        from sqlalchemy import NullPool, create_engine

        if url.get_backend_name() == "sqlite":
            return create_engine(
                "sqlite://", creator=lambda: self._sqlite(url.database or ""), poolclass=NullPool
            )
        limits = f"-c default_transaction_read_only=on -c statement_timeout={int(self._seconds * 1000)}"
        return create_engine(
            url,
            poolclass=NullPool,
            connect_args={"options": limits, "connect_timeout": max(2, int(self._seconds))},
        )

    def _sqlite(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=self._seconds)
        ends = time.monotonic() + self._seconds
        connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, _MOST_COLUMNS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
        return connection

    @contextmanager
    def _cancelled_in_time(self, connection: Any, dialect: str) -> Iterator[None]:
        """Have a server end a statement in time whatever it has done to its own limit; SQLite asks the clock itself."""
        if dialect != "postgresql":
            yield
            return
        timer = threading.Timer(self._seconds, connection.connection.driver_connection.cancel)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _shown(self, columns: list[str], rows: Iterable[Any]) -> str:
        """Rows as CSV, one read after the other, until there are enough."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for number, row in enumerate(rows):
            if number == self._most_rows:
                text.write(f"(the first {number} rows)\n")
                break
            cells = ["" if value is None else without_tricks(str(value)[:_LONGEST_CELL]) for value in row]
            writer.writerow(cells)
            if text.tell() > _LONGEST_ANSWER:
                text.write(f"(the first {number + 1} rows: the answer is too long)\n")
                break
        return text.getvalue()


def _checked(statement: str, dialect: str) -> str:
    """A statement as it was understood, if it is a single SELECT.

    Raises:
        QueryError: it is not.
    """
    import sqlglot
    from sqlglot import exp

    if len(statement) > _LONGEST_STATEMENT:
        raise QueryError(f"a statement has at most {_LONGEST_STATEMENT:,} characters")
    try:
        parsed = sqlglot.parse(statement, read=dialect)
        found = [item for item in parsed if item is not None and not isinstance(item, exp.Semicolon)]
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise QueryError(f"this is no SQL: {str(error).splitlines()[0][:200]}") from None
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise QueryError("write one SELECT statement")
    changing = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Pragma, exp.Attach)
    # A query is itself DDL to sqlglot, whose class of what defines things is wider than its name.
    wrong = [
        item for item in found[0].walk() if isinstance(item, changing) and not isinstance(item, exp.Query)
    ]
    if wrong:
        raise QueryError(f"a statement reads, and nothing else: not {wrong[0].key.upper()}")
    # PostgreSQL calls functions by the notation of columns, too: every name counts.
    names = [item.name for item in found[0].find_all(exp.Identifier, exp.Anonymous)]
    names += [item.sql_name() for item in found[0].find_all(exp.Func) if not isinstance(item, exp.Anonymous)]
    for name in names:
        if name.lower().startswith(_REFUSED):
            raise QueryError(f"{name} is not for queries of agents")
    return str(found[0].sql(dialect=dialect, comments=False))
