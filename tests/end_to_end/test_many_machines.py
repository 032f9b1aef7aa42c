"""Two workers on machines of their own, with PostgreSQL, Redis and S3 between them: switched off, moved, restarted."""

import json
import logging
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.end_to_end.machines import Machine, machines, redis_server
from tests.fakes.ports import free_port
from tests.fakes.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
BRIEF = "# {title}\n\n## Features\n- User can add a note\n- User can list notes\n"
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A bucket on loopback: the variables that name it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket="machines")
    storage = {
        "HISHAMOS_STORAGE_URL": "s3://machines/kept",
        "HISHAMOS_STORAGE_OPTIONS": json.dumps({"endpoint_url": url}),
    }
    yield keys | storage
    server.stop()


@pytest.fixture
def site(
    tmp_path: Path, postgres: PostgresServer, bucket: dict[str, str], toolchains_dir: Path
) -> Iterator[tuple[Machine, Machine, Machine, ProjectStore]]:
    """The machine of daemon and code server, two for workers, and the store that they share."""
    url = postgres.new_database()
    with (
        redis_server(tmp_path) as broker,
        machines(
            tmp_path, "control", "one", "two", HISHAMOS_DATABASE_URL=url, HISHAMOS_DAGSTER_DATABASE_URL=url,
            HISHAMOS_CELERY_BROKER=broker, HISHAMOS_TOOLCHAINS=str(toolchains_dir), **bucket,
        ) as (control, one, two),
    ):  # fmt: skip
        control.hishamos("db", "upgrade")
        start_control(control)
        store = open_store(url)
        yield control, one, two, store
        store.engine.dispose()


def start_control(control: Machine) -> None:
    """Daemon and code server; their waits are short, so that the test is."""
    program = (
        "from hishamos_pipeline.jobs.home import prepare_dagster_home\n"
        "from hishamos_pipeline.settings import get_settings\nprepare_dagster_home(get_settings())"
    )
    subprocess.run(control.argv(sys.executable, "-c", program), env=control._placed(), check=True)
    dagster, port = control.home / "dagster", free_port()
    given = yaml.safe_load((dagster / "dagster.yaml").read_text())
    assert given["run_launcher"]["class"] == "CeleryRunLauncher"
    given["run_monitoring"] |= {"start_timeout_seconds": 20, "poll_interval_seconds": 5}
    given["run_retries"]["max_retries"] = 1
    (dagster / "dagster.yaml").write_text(yaml.safe_dump(given))
    server = {"host": "127.0.0.1", "port": port, "location_name": "hishamos"}
    (dagster / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    definitions = ("-m", "hishamos_pipeline.definitions", "-h", "127.0.0.1", "-p", str(port))
    control.start(str(SCRIPTS / "dagster"), "api", "grpc", *definitions, DAGSTER_HOME=str(dagster))
    control.start(
        str(SCRIPTS / "dagster-daemon"),
        "run",
        "-w",
        str(dagster / "workspace.yaml"),
        DAGSTER_HOME=str(dagster),
    )


def start_worker(machine: Machine) -> None:
    """A worker with two runs at a time."""
    machine.start(sys.executable, "-m", "hishamos_pipeline.cli.main", "worker", "--name", machine.root.name)


def submit(control: Machine, *titles: str) -> None:
    for title in titles:
        control.hishamos("ideas", "submit", "-", stdin=BRIEF.format(title=title))


def states(store: ProjectStore) -> dict[str, str]:
    return {project.key: project.state for project in store.projects.all()}


def wait_for(happened: Callable[[], object], store: ProjectStore, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        reasons = {project.key: project.reason for project in store.projects.all()}
        assert time.monotonic() < deadline, (states(store), reasons)
        time.sleep(0.5)


def repository(machine: Machine, key: str) -> Path:
    return machine.home / "projects" / key / "repository"


def log_of(machine: Machine, key: str) -> list[str]:
    argv = ["git", "-C", str(repository(machine, key).resolve()), "log", "--format=%H"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.timeout(900)
def test_work_moves_between_machines(site: tuple[Machine, Machine, Machine, ProjectStore]) -> None:
    control, one, two, store = site
    start_worker(one)
    submit(control, "alpha", "beta")
    wait_for(lambda: states(store) == {"alpha": "exported", "beta": "exported"}, store)
    assert repository(one, "alpha").is_dir() and not (control.home / "projects").exists()
    before = log_of(one, "alpha")

    # Another machine goes on where the first has stopped: with its history, from the storage.
    one.kill()
    start_worker(two)
    brief = BRIEF.format(title="alpha") + "- User can delete a note\n"
    control.hishamos("ideas", "submit", "-", stdin=brief)
    wait_for(lambda: states(store)["alpha"] == "exported", store)
    after = log_of(two, "alpha")
    assert after[-len(before) :] == before and len(after) > len(before)
    assert not repository(two, "beta").exists()

    # The first comes back with an old copy, and makes the next change upon the new one.
    two.kill()
    start_worker(one)
    control.hishamos("ideas", "submit", "-", stdin=brief + "- User can rename a note\n")
    wait_for(lambda: states(store)["alpha"] == "exported", store)
    newest = log_of(one, "alpha")
    assert newest[-len(after) :] == after and len(newest) > len(after)
    doctor = json.loads(control.hishamos("doctor", "--json"))
    assert {item["check"]: item["detail"] for item in doctor}["workers"].startswith("one@")

    # Switched off in the middle of a run: another one makes it.
    one.kill()
    start_worker(two)
    submit(control, "gamma", "delta")
    wait_for(lambda: {"gamma", "delta"} & {heart.project for heart in store.heartbeats.all()}, store)
    start_worker(one)
    two.kill()
    start_worker(two)  # a worker that is started again, with a new release for instance, takes its share
    wait_for(lambda: {states(store)[key] for key in ("gamma", "delta")} == {"exported"}, store, 240)

    # Nobody is there: the runs say so, and nothing hangs.
    one.kill()
    two.kill()
    submit(control, "epsilon")
    wait_for(lambda: states(store)["epsilon"] == "failed", store)
    assert "start" in store.projects.get("epsilon").reason
