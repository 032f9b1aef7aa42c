"""Dagster's SQLite files: what it writes there does not wait for the disk each time.

Dagster opens a file anew for each event and has no setting for either of this.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    import dagster as dg


@cache
def wait_less_for_the_disk() -> None:
    """Have SQLite commit as the project store has it: a power cut may take the last events, and breaks nothing."""
    event.listen(Engine, "connect", _on_connect)


@contextmanager
def kept_open(instance: "dg.DagsterInstance", run_id: str) -> Iterator[None]:
    """Keep the files of a run open: whenever the last connection is closed, SQLite writes its whole log into the file.

    Args:
        instance: where the run is.
        run_id: the run.
    """
    from hishamos_pipeline.resources.dagster_private import SqliteEventLogStorage

    storage = instance.event_log_storage
    with ExitStack() as stack:
        if isinstance(storage, SqliteEventLogStorage):
            index = Path(storage.path_for_shard("index"))
            for path in (index, Path(storage.path_for_shard(run_id)), index.parent.with_suffix(".db")):
                if path.exists():
                    # It may be closed in another thread than it was opened in.
                    opened = stack.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
                    opened.execute("PRAGMA schema_version")  # only now does it open the file's log
        yield


def _on_connect(connection: Any, record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")
