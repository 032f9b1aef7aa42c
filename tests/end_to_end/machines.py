"""Machines of their own: processes in mount namespaces, each of which sees its own folder alone."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import redis
from moto.server import ThreadedMotoServer
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from sqlalchemy import text

from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.end_to_end.tuning import tuned_home
from tests.fakes.ports import free_port

BRIEF = "# {title}\n\n## Features\n- User can add a note\n- User can list notes\n"
# The folder of all machines is covered by an empty one, in which only the machine's own is put back.
_ALONE = """
mkdir -p "$ASIDE"; mount --bind "$OWN" "$ASIDE"; mount -t tmpfs none "$MACHINES"
mkdir -p "$OWN"; mount --bind "$ASIDE" "$OWN"; exec "$@"
"""


@dataclass
class Machine:
    """A machine: its folder, its environment, and the processes that it runs."""

    root: Path
    variables: dict[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """``HISHAMOS_HOME`` of this machine."""
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        """Its variables; those of the machine that the tests run on, without its settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HISHAMOS_", "DAGSTER_"))}
        dagster = str(self.home / "dagster")
        own = {
            "HISHAMOS_HOME": str(self.home),
            "HISHAMOS_DAGSTER_DIR": dagster,
            "TMPDIR": str(self.root / "tmp"),
        }
        return kept | own | self.variables

    def argv(self, *command: str) -> list[str]:
        """A command on this machine."""
        user = [] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]
        return ["unshare", "--mount", *user, "sh", "-ec", _ALONE, "sh", *command]

    def start(self, *command: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start a program that goes on."""
        with (self.root / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                self.argv(*command), env=self._placed() | more, cwd=self.root, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def hishamos(self, *arguments: str, stdin: str = "") -> str:
        """Run a command to its end, and return what it prints."""
        done = self.tried(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tried(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, whatever comes of it."""
        argv = self.argv(sys.executable, "-m", "hishamos_pipeline.cli.main", *arguments)
        return subprocess.run(
            argv, env=self._placed(), cwd=self.root, input=stdin, capture_output=True, text=True
        )

    def kill(self) -> None:
        """Switch it off: everything that it runs dies at once."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def _placed(self) -> dict[str, str]:
        aside = self.root.parents[1] / f"aside-{self.root.name}"
        return self.environment | {
            "MACHINES": str(self.root.parent),
            "OWN": str(self.root),
            "ASIDE": str(aside),
        }


@contextmanager
def machines(folder: Path, *names: str, **variables: str) -> Iterator[list[Machine]]:
    """Machines by name, with the same variables."""
    made = []
    for name in names:
        root = folder / "machines" / name
        (root / "tmp").mkdir(parents=True)
        made.append(Machine(root, dict(variables)))
    try:
        yield made
    finally:
        for machine in made:
            machine.kill()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis on a free port of loopback; its URL."""
    port = free_port()
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    again = Retry(ConstantBackoff(0.1), 100)
    client = redis.Redis(port=port, retry=again, retry_on_error=[redis.ConnectionError])
    try:
        client.ping()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        client.close()
        process.terminate()
        process.wait(10)


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """A bucket on loopback: the variables that name it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    ).create_bucket(Bucket="machines")
    storage = {
        "HISHAMOS_STORAGE_URL": "s3://machines/kept",
        "HISHAMOS_STORAGE_OPTIONS": json.dumps({"endpoint_url": url}),
    }
    try:
        yield keys | storage
    finally:
        server.stop()


@contextmanager
def installation_of_many(
    folder: Path, url: str, toolchains: Path, *, start_seconds: int = 120, retries: int = 2
) -> Iterator[tuple[Machine, Machine, Machine, ProjectStore]]:
    """The machine of daemon and code server, two for workers, and the store that they share.

    Args:
        folder: where the machines are.
        url: the database.
        toolchains: what projects are tested with.
        start_seconds: how long a run may take to begin, which it does on a busy machine.
        retries: how often one that has crashed is tried again.
    """
    with (
        bucket() as kept,
        redis_server(folder) as broker,
        machines(
            folder, "control", "one", "two", HISHAMOS_DATABASE_URL=url, HISHAMOS_DAGSTER_DATABASE_URL=url,
            HISHAMOS_CELERY_BROKER=broker, HISHAMOS_TOOLCHAINS=str(toolchains), **kept,
        ) as (control, one, two),
    ):  # fmt: skip
        control.hishamos("db", "upgrade")
        start_control(control, start_seconds, retries)
        store = open_store(url)
        try:
            yield control, one, two, store
        finally:
            store.engine.dispose()


def start_control(control: Machine, start_seconds: int, retries: int) -> None:
    """Daemon and code server; their waits are short, so that the test is."""
    serve = (sys.executable, "-m", "hishamos_pipeline.cli.main", "serve")
    port = free_port()
    control.variables["HISHAMOS_CODE_SERVER"] = f"127.0.0.1:{port}"
    queue = {"max_user_code_failure_retries": 20, "user_code_failure_retry_delay": 3}
    changes = {
        "run_monitoring": {"start_timeout_seconds": start_seconds, "poll_interval_seconds": 1},
        "run_retries": {"max_retries": retries},
        "run_coordinator": {"config": {**queue, "dequeue_interval_seconds": 1}},
    }
    tuned = tuned_home(control.home, control.argv, control._placed(), changes)
    assert "CeleryRunLauncher" in (tuned / "dagster.yaml").read_text()
    control.start(*serve, "code-server", "--port", str(port), DAGSTER_HOME=str(tuned))
    control.start(*serve, "daemon", DAGSTER_HOME=str(tuned))


def start_worker(machine: Machine, runs: int = 2) -> None:
    """A worker with some runs at a time."""
    named = ("--name", machine.root.name, "--runs", str(runs))
    machine.start(sys.executable, "-m", "hishamos_pipeline.cli.main", "worker", *named)


def submit(control: Machine, *titles: str) -> None:
    """Submit small projects."""
    for title in titles:
        control.hishamos("ideas", "submit", "-", stdin=BRIEF.format(title=title))


def states(store: ProjectStore) -> dict[str, str]:
    """The state of every project."""
    return {project.key: project.state for project in store.projects.all()}


def wait_for(happened: Callable[[], object], store: ProjectStore, seconds: float = 240) -> None:
    """Wait until something has happened; what takes longer does not happen any more."""
    deadline = time.monotonic() + seconds
    while not happened():
        reasons = {project.key: project.reason for project in store.projects.all()}
        assert time.monotonic() < deadline, (states(store), reasons, unfinished(store))
        time.sleep(0.2)


def unfinished(store: ProjectStore) -> dict[str, str]:
    """Dagster's runs that have not ended, with their states; a project has none besides that is made now.

    A run ends a moment after its project: a worker that is switched off in between leaves one that holds its project.
    """
    query = "SELECT run_id, status FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
    with store.engine.connect() as connection:
        return {row.run_id: row.status for row in connection.execute(text(query))}
