"""A real PostgreSQL server for the tests: on loopback, with its data in memory where that can be, gone at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg2

from tests.fakes.ports import free_port, wait_for_port

MISSING = (
    "PostgreSQL's server is missing (initdb, postgres): `make test` installs it as root; otherwise install the package "
    "`postgresql`, or put its bin folder on PATH"
)


@dataclass
class PostgresServer:
    """A running server; each test gets a database of its own."""

    port: int
    folder: Path
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes]"
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg2://hishamos@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def kill(self) -> None:
        """Kill the server and everything that it has started, as a crash does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Start it again after a crash, on the same data."""
        self.process = self.start()
        _wait_for(self, self.process)

    def execute(self, statement: str) -> None:
        """Run a statement outside of a transaction."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="hishamos", dbname="postgres")
        connection.autocommit = True
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server.

    Raises:
        FileNotFoundError: it is not installed; says how to install it.
    """
    programs = _programs()
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=memory if os.access(memory, os.W_OK) else None))
    user = _other_user()
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    port = free_port()
    options = {"user": user, "extra_groups": []} if user else {}
    log = (folder.parent / f"{folder.name}.log").open("wb")
    try:
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "hishamos", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True, stdout=log, stderr=log, cwd=folder, **options,
        )  # fmt: skip

        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-p", str(port), "-h", "127.0.0.1", "-k", folder,
                 "-c", "fsync=off", "-c", "max_connections=200"],
                stdout=log, stderr=log, cwd=folder, start_new_session=True, **options,
            )  # fmt: skip

        made = PostgresServer(port, folder, start, start())
        try:
            _wait_for(made, made.process)
            yield made
        finally:
            made.process.send_signal(
                signal.SIGINT
            )  # without waiting for connections that a test has left open
            made.process.wait(30)
    finally:
        log.close()
        Path(log.name).unlink()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pgbouncer(server: PostgresServer, database: str, settings: Path) -> Iterator[str]:
    """PgBouncer with our settings before one database of a server; the database's URL through it.

    Raises:
        FileNotFoundError: it is not installed; says how to install it.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise FileNotFoundError(
            "PgBouncer is missing: `make test` installs it as root; otherwise install `pgbouncer`"
        )
    given = ConfigParser(interpolation=None)
    given.read_string(settings.read_text())
    folder, port, user = Path(tempfile.mkdtemp(prefix="pgbouncer-")), free_port(), _other_user()
    given["databases"]["hishamos"] = f"host=127.0.0.1 port={server.port} dbname={database}"
    given["pgbouncer"].update(listen_port=str(port), auth_file=str(folder / "userlist.txt"))
    (folder / "userlist.txt").write_text('"hishamos" "secret"\n')
    with (folder / "pgbouncer.ini").open("w") as stream:
        given.write(stream)
    folder.chmod(0o755)
    options = {"user": user, "extra_groups": []} if user else {}
    process = subprocess.Popen(
        [program, "-q", folder / "pgbouncer.ini"], cwd=folder, stderr=subprocess.DEVNULL, **options
    )
    try:
        wait_for_port(port)
        yield f"postgresql+psycopg2://hishamos:secret@127.0.0.1:{port}/hishamos"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of the newest server on this machine."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql*/bin")]
    for folder in sorted(found, key=lambda path: path.parts, reverse=True):
        if (folder / "postgres").exists():
            return folder
    program = shutil.which("postgres")
    if program is None:
        raise FileNotFoundError(MISSING)
    return Path(program).resolve().parent


def _other_user() -> str | None:
    """Somebody else to run the server as: it refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait_for(server: PostgresServer, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert process.poll() is None, "the server ended"
        try:
            server.execute("SELECT 1")
            return
        except psycopg2.OperationalError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")
