"""Machines of their own: processes in mount namespaces, each of which sees its own folder alone."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.fakes.ports import free_port

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
        argv = self.argv(sys.executable, "-m", "hishamos_pipeline.cli.main", *arguments)
        done = subprocess.run(
            argv, env=self._placed(), cwd=self.root, input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

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
        made.append(Machine(root, variables))
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
