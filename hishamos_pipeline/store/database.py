"""The engine of the project store, and its migrations."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from hishamos_pipeline.errors import StorageError, StoreVersionError

WRITES = "hishamos_writes"
# As many connections as threads that answer requests; a thread that gets none says so soon.
_POOL: dict[str, int] = {"max_overflow": 40, "pool_timeout": 10}
_UPGRADE_LOCK = 0x48495341
MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str) -> Engine:
    """An engine with the settings that the store relies on.

    SQLite gets WAL, foreign keys and a busy timeout of 30 seconds; its folder and file are made, for nobody else to
    read.

    Raises:
        StorageError: the URL cannot be read, its driver is missing, or SQLite's folder cannot be made.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True, **_POOL)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StorageError(
            f"HISHAMOS_DATABASE_URL cannot be used ({type(error).__name__}: {str(error).splitlines()[0][:200]}); write "
            "sqlite:///FILE, or postgresql+psycopg2://USER:PASSWORD@HOST/NAME"
        ) from None
    if parsed.database:
        try:
            _make_private(Path(parsed.database))
        except OSError as error:
            raise StorageError(
                f"cannot make the folder of the project store {parsed.database}: {error.strerror}; "
                "set HISHAMOS_HOME to a writable folder"
            ) from error
    in_memory = parsed.database in (None, "", ":memory:")
    engine = create_engine(parsed, connect_args={"timeout": 30}, **({} if in_memory else _POOL))

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's events below begin transactions
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        # Taking the write lock at once turns "database is locked" in mid-transaction into a wait.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_private(database: Path) -> None:
    # The mode of a file that SQLite makes is that of the process; its journals have that of the file.
    if str(database) != ":memory:" and not database.exists():
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def for_writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take SQLite's write lock when they begin."""
    return engine.execution_options(**{WRITES: True})


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Bring the schema to a revision, this release's where none is named; returns this release's."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import text

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with for_writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two processes that upgrade at the same time take turns; the second finds nothing to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            _adopt(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head


def head_revision() -> str:
    """The schema revision of this release: the last of the migrations, which are named in order."""
    return max(path.stem.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current_revision(engine: Engine) -> str | None:
    """The schema revision of a database, ``None`` for an empty one."""
    from sqlalchemy import inspect, text

    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        table = version_table(connection)
        if table not in tables:
            table = "alembic_version"  # of a release that had the server to itself
        if table not in tables or "projects" not in tables:
            return None
        return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - one of two names


def _adopt(connection: Connection) -> None:
    """Take over the revision that a release before wrote where Dagster keeps its own."""
    from sqlalchemy import inspect, text

    tables = inspect(connection).get_table_names()
    ours = version_table(connection)
    if ours in tables or "projects" not in tables or "alembic_version" not in tables:
        return
    kept = "version_num FROM alembic_version WHERE version_num LIKE '____'"  # Dagster's are longer
    connection.execute(text(f"CREATE TABLE {ours} (version_num VARCHAR(32) PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {ours} SELECT {kept}"))
    connection.execute(text("DELETE FROM alembic_version WHERE version_num LIKE '____'"))
    if not connection.execute(text("SELECT count(*) FROM alembic_version")).scalar():
        connection.execute(text("DROP TABLE alembic_version"))  # so that Dagster makes its own tables


def version_table(connection: Connection) -> str:
    """Where Alembic keeps the schema's revision: on a server, Dagster has the usual name in the same database."""
    return "alembic_version" if connection.dialect.name == "sqlite" else "hishamos_version"


def prepare(engine: Engine) -> None:
    """Make the embedded database current by itself; refuse any other that is not.

    Raises:
        StoreVersionError: for a server database at another revision, or a newer SQLite file.
    """
    current, head = current_revision(engine), head_revision()
    if current == head:
        return
    if current is not None and current > head:
        raise StoreVersionError(
            f"the project store is at revision {current}, newer than this release ({head}); upgrade HishamOS"
        )
    if engine.dialect.name != "sqlite":
        raise StoreVersionError(
            f"the project store is at revision {current or 'none'}, this release needs {head}; "
            "run `hishamos db upgrade`"
        )
    upgrade(engine)
