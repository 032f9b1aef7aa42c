"""The files of ``deploy/``: read by their own tools, and held against the settings and commands that there are."""

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from hishamos_pipeline.cli.main import cli
from hishamos_pipeline.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
SECRETS = {
    "POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r", "HISHAMOS_STORAGE_URL": "s3://b/k", "UI_USER": "ann",
    "UI_PASSWORD_HASH": "h",
}  # fmt: skip


def compose(**variables: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sysconfig.get_path("scripts")) / "podman-compose"
    environment = {k: v for k, v in os.environ.items() if k not in SECRETS} | variables
    return subprocess.run(
        [str(program), "-f", str(DEPLOY / "compose.yaml"), "config"],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = compose(**SECRETS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


def test_every_command_of_a_container_is_one_of_ours(services: dict[str, Any]) -> None:
    ours = {
        name: given["command"] for name, given in services.items() if given["image"].startswith("hishamos")
    }
    assert ours.keys() == {"upgrade", "code-server", "webserver", "daemon", "worker", "metrics"}
    for words in ours.values():
        command: click.Command | None = cli
        context = click.Context(cli)
        rest = list(words)
        while isinstance(command, click.Group):
            command = command.get_command(context, rest.pop(0))
        assert command is not None, words
        command.make_context("hishamos", rest)  # an error for an option that there is not


def test_every_setting_exists(services: dict[str, Any]) -> None:
    known = {f"HISHAMOS_{name.upper()}" for name in Settings.model_fields}
    given = {
        name
        for part in services.values()
        for name in part.get("environment", {})
        if name.startswith("HISHAMOS_")
    }
    assert given <= known and "HISHAMOS_DATABASE_URL" in given
    Settings.model_validate(
        {name.removeprefix("HISHAMOS_").lower(): value for name, value in services["worker"]["environment"].items()
         if name in known and name != "HISHAMOS_STORAGE_OPTIONS"}
    )  # fmt: skip


def test_nothing_but_the_proxy_is_published(services: dict[str, Any]) -> None:
    assert [name for name, given in services.items() if given.get("ports")] == ["proxy"]


def test_a_missing_password_is_named() -> None:
    done = compose(**{name: value for name, value in SECRETS.items() if name != "POSTGRES_PASSWORD"})
    assert done.returncode != 0 and "POSTGRES_PASSWORD" in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_scripts_are_shell_and_say_what_they_need(name: str, tmp_path: Path) -> None:
    path = DEPLOY / name
    assert subprocess.run(["sh", "-n", path]).returncode == 0
    done = subprocess.run([path], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.returncode != 0 and "name the folder" in done.stderr


def test_the_image_pins_what_it_installs() -> None:
    locked = (DEPLOY / "requirements.lock").read_text()
    for package in ("dagster==", "dagster-celery==", "dagster-k8s==", "s3fs==", "opentelemetry-sdk=="):
        assert f"\n{package}" in f"\n{locked}"
    assert "--require-hashes -r deploy/requirements.lock" in (DEPLOY / "Dockerfile").read_text()


def test_the_values_of_the_chart_carry_what_dagster_yaml_says() -> None:
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    shipped = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["tagConcurrencyLimits"] == shipped["concurrency"]["runs"]["tag_concurrency_limits"]
    assert values["dagsterDaemon"]["runRetries"]["maxRetries"] == shipped["run_retries"]["max_retries"]
    monitoring = values["dagsterDaemon"]["runMonitoring"]
    assert monitoring["maxRuntimeSeconds"] == shipped["run_monitoring"]["max_runtime_seconds"]
