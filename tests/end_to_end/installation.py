"""A whole installation on loopback, each part a process of its own: daemon, code server, runs, PostgreSQL."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import pytest

from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.end_to_end.tuning import tuned_home
from tests.fakes.ports import free_port
from tests.fakes.postgres import PostgresServer

PARTS = ("daemon", "code server", "run", "postgres")
BRIEF = "# {title}\n\n## Features\n- User can add a note\n- User can list notes\n"
ENDED = ("exported", "verified", "failed", "blocked")


@dataclass
class Installation:
    """The parts, by name, and how often each was killed."""

    home: Path
    database_url: str
    postgres: PostgresServer | None
    variables: dict[str, str]
    port: int = field(default_factory=free_port)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def environment(self) -> dict[str, str]:
        """What every part is started with."""
        return {
            **os.environ,
            **self.variables,
            "HISHAMOS_HOME": str(self.home),
            "HISHAMOS_DATABASE_URL": self.database_url,
            "HISHAMOS_DAGSTER_DATABASE_URL": self.database_url,
            "HISHAMOS_CODE_SERVER": f"127.0.0.1:{self.port}",
            "HISHAMOS_DAGSTER_DIR": str(self.home / "dagster"),
            "DAGSTER_HOME": str(self.home / "tuned"),
        }

    @property
    def store_url(self) -> str:
        """URL of the project store."""
        return self.database_url or f"sqlite:///{self.home}/store.db"

    def hishamos(self, *arguments: str) -> str:
        """Run a command, and return what it prints."""
        argv = [sys.executable, "-m", "hishamos_pipeline.cli.main", *arguments]
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, cwd=self.home)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def prepare(self) -> None:
        """Make the home, with a workspace that names the code server; runs are dequeued every second."""
        self.home.mkdir(parents=True)
        environment = {name: value for name, value in self.environment.items() if name != "DAGSTER_HOME"}
        queue = {"dequeue_interval_seconds": 1, "user_code_failure_retry_delay": 3}
        changes = {
            "run_monitoring": {"poll_interval_seconds": 5},
            "run_coordinator": {"config": {"max_user_code_failure_retries": 20, **queue}},
        }
        tuned_home(self.home, lambda *words: list(words), environment, changes)
        self.hishamos("db", "upgrade")

    def start(self, part: str) -> None:
        """Start a part, or start it again."""
        if part == "postgres":
            assert self.postgres is not None
            self.postgres.restart()
            return
        words = {"daemon": ["daemon"], "code server": ["code-server", "--port", str(self.port)]}[part]
        argv = [sys.executable, "-m", "hishamos_pipeline.cli.main", "serve", *words]
        log = (self.home / f"{part.replace(' ', '-')}.log").open("ab")
        self.processes[part] = subprocess.Popen(
            argv, env=self.environment, cwd=self.home, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def kill(self, part: str) -> bool:
        """Kill a part by SIGKILL; whether there was one."""
        if part == "postgres":
            if self.postgres is None:
                return False
            self.postgres.kill()
        elif part == "run":
            running = self.runs()
            if not running:
                return False
            with contextlib.suppress(psutil.NoSuchProcess):
                random.choice(running).kill()
        else:
            self.processes[part].kill()  # alone: what it has started goes on, as on a real machine
            self.processes[part].wait()
        self.killed[part] += 1
        return True

    def runs(self) -> list[psutil.Process]:
        """Processes that execute runs, whoever has started them."""
        found = []
        for heart in self.hearts():
            with contextlib.suppress(psutil.NoSuchProcess, ValueError):
                found.append(psutil.Process(int(heart.rpartition(":")[2])))
        return found

    def hearts(self) -> list[str]:
        """Machines and processes of the runs that have begun and not ended."""
        with self.store() as store:
            return [heart.machine for heart in store.heartbeats.all()]

    @contextmanager
    def store(self) -> Iterator[ProjectStore]:
        """The project store, seen from outside."""
        opened = open_store(self.store_url)
        try:
            yield opened
        finally:
            opened.engine.dispose()

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's instance, seen from outside."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("HISHAMOS_DAGSTER_DATABASE_URL", "HISHAMOS_DAGSTER_DIR"):
                patch.setenv(name, self.environment[name])
            with dg.DagsterInstance.from_config(str(self.home / "dagster")) as opened:
                yield opened

    def states(self) -> dict[str, str]:
        """The state of every project."""
        with self.store() as store:
            return {project.key: project.state for project in store.projects.all()}

    def stop(self) -> None:
        """End everything that was started, and what that has started."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for process in psutil.process_iter(["environ"]):
            with contextlib.suppress(psutil.Error):
                if (process.info["environ"] or {}).get("HISHAMOS_HOME") == str(self.home):
                    process.kill()


@contextmanager
def installation(
    home: Path, database_url: str = "", postgres: PostgresServer | None = None, **variables: str
) -> Iterator[Installation]:
    """An installation whose daemon and code server run."""
    made = Installation(home, database_url, postgres, variables)
    made.prepare()
    try:
        made.start("code server")
        made.start("daemon")
        yield made
    finally:
        made.stop()


def endure(made: Installation, keys: set[str], *, kills: int, seconds: float, seed: int = 7) -> None:
    """Kill parts at random until all kills are done, and wait until every project has ended.

    Raises:
        AssertionError: not all have ended in time.
    """
    chance, deadline = random.Random(seed), time.monotonic() + seconds
    random.seed(seed)
    next_kill = time.monotonic() + 10
    while True:
        assert time.monotonic() < deadline, f"not ended in time: {made.states()}"
        time.sleep(0.5)
        if sum(made.killed.values()) < kills and time.monotonic() > next_kill:
            part = chance.choice(PARTS)
            if made.kill(part) and part != "run":
                time.sleep(chance.uniform(0.2, 3))
                made.start(part)
            next_kill = time.monotonic() + chance.uniform(2, 8)
        states = made.states()
        waiting = {key for key in keys if states.get(key) not in ENDED}
        if not waiting and not made.hearts():
            return
