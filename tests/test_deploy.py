"""The files of ``deploy/``: read by their own tools, and held against the settings and commands that there are."""

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pytest
import requests
import yaml
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster_k8s import DagsterK8sJobConfig, K8sRunLauncher, construct_dagster_k8s_job
from dagster_k8s.job import UserDefinedDagsterK8sConfig
from kubernetes.client import ApiClient

from hishamos_pipeline.cli.main import cli
from hishamos_pipeline.settings import Settings
from tests.conftest import ROOT
from tests.fakes.ports import free_port, wait_for_port
from tests.fakes.web import Answer, web_server

DEPLOY = ROOT / "deploy"
SECRETS = {
    "POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r", "HISHAMOS_STORAGE_URL": "s3://b/k", "UI_USER": "ann",
    "UI_PASSWORD_HASH": "h",
}  # fmt: skip


KUBECONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "nobody"}}],
    "users": [{"name": "nobody", "user": {}}],
}  # fmt: skip


def tool(name: str) -> str:
    """A program that a package of the test environment has brought along."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def compose(**variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k not in SECRETS} | variables
    return subprocess.run(
        [tool("podman-compose"), "-f", str(DEPLOY / "compose.yaml"), "config"],
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
        program, *rest = words
        assert program == "hishamos"
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


def test_the_image_has_no_faults_that_a_linter_knows() -> None:
    done = subprocess.run([tool("hadolint"), str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pod_of_a_run_starts_the_image_and_its_sandbox(values: dict[str, Any]) -> None:
    """By the code that makes pods of runs, which refuses what Kubernetes does not know."""
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    given = launcher["runK8sConfig"]
    asked = UserDefinedDagsterK8sConfig.from_dict(
        {"container_config": given["containerConfig"], "pod_spec_config": given["podSpecConfig"]}
    )
    secrets = [secret["name"] for secret in launcher["envSecrets"]]
    config = DagsterK8sJobConfig(job_image="hishamos:latest", dagster_home="/dagster", env_secrets=secrets)
    job = construct_dagster_k8s_job(config, ["dagster", "api", "execute_run"], "run", asked)
    pod = ApiClient().sanitize_for_serialization(job)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # A whole command as arguments: an entry point of the image would eat it.
    assert container["args"][0] == "dagster" and "command" not in container
    instructions = [line.split(" ")[0] for line in (DEPLOY / "Dockerfile").read_text().splitlines()]
    assert "CMD" in instructions and "ENTRYPOINT" not in instructions
    assert container["envFrom"] == [{"secretRef": {"name": "hishamos"}}]
    assert container["securityContext"]["procMount"] == "Unmasked" and pod["hostUsers"] is False


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """The address of Caddy with the file that is shipped, before a webserver."""
    port = free_port()
    hashed = subprocess.run(
        [tool("caddy"), "hash-password", "--plaintext", "secret"], capture_output=True, text=True, check=True
    )
    environment = os.environ | {
        "UI_ADDRESS": f"http://127.0.0.1:{port}",
        "UI_USER": "ann",
        "UI_PASSWORD_HASH": hashed.stdout.strip(),
        "CADDY_ADMIN": f"127.0.0.1:{free_port()}",
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    words = [tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    with web_server(lambda _: Answer(body=b"the console")) as url:
        environment["UI_WEBSERVER"] = url.removeprefix("http://")
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as caddy:
            try:
                wait_for_port(port)
                yield environment["UI_ADDRESS"]
            finally:
                caddy.terminate()


def test_workers_may_make_the_sandbox(services: dict[str, Any], tmp_path: Path) -> None:
    """Bubblewrap as an ordinary user of a container with the options of the compose file; not without the last."""
    tmp_path.chmod(0o755)
    for name in ("usr", "etc", "proc", "dev", "sys", "tmp", "run"):
        (tmp_path / name).mkdir()
    for name in ("bin", "lib", "lib64"):
        (tmp_path / name).symlink_to(f"usr/{name}")
    sandbox = [
        "bwrap", "--unshare-user", "--disable-userns", "--unshare-pid", "--proc", "/proc", "--ro-bind", "/usr", "/usr",
        "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "/usr/bin/true",
    ]  # fmt: skip

    def tried(options: list[str]) -> "subprocess.CompletedProcess[str]":
        given = [part for option in options for part in ("--security-opt", option)]
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
        user = ["--user", "65534:65534", "--network", "none", "--volume", "/usr:/usr:ro"]
        argv = ["podman", "run", "--rm", *user, *limits, *given, "--rootfs", str(tmp_path), *sandbox]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60)

    options = services["worker"]["security_opt"]
    done = tried(options)
    assert done.returncode == 0, done.stderr
    assert options[-1] == "systempaths=unconfined" and "proc" in tried(options[:-1]).stderr


def test_nobody_passes_the_proxy_without_a_login(proxy: str) -> None:
    assert requests.get(proxy, timeout=10).status_code == 401
    assert requests.get(proxy, auth=("ann", "wrong"), timeout=10).status_code == 401
    assert requests.get(f"{proxy}/graphql", auth=("ann", "secret"), timeout=10).text == "the console"


def test_the_image_pins_what_it_installs() -> None:
    locked = (DEPLOY / "requirements.lock").read_text()
    for package in ("dagster==", "dagster-celery==", "dagster-k8s==", "s3fs==", "opentelemetry-sdk=="):
        assert f"\n{package}" in f"\n{locked}"
    assert "--require-hashes -r deploy/requirements.lock" in (DEPLOY / "Dockerfile").read_text()


@pytest.fixture
def values() -> dict[str, Any]:
    """The values for Dagster's chart."""
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    return read


def test_the_values_of_the_chart_carry_what_dagster_yaml_says(values: dict[str, Any]) -> None:
    shipped = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    given = values["additionalInstanceConfig"]
    # Pods on many machines, which take longer to begin.
    shipped["concurrency"]["runs"]["max_concurrent_runs"] = 10
    shipped["run_monitoring"]["start_timeout_seconds"] = 300
    assert given == {section: shipped[section] for section in given}
    daemon = values["dagsterDaemon"]
    assert daemon["runCoordinator"]["config"]["customRunCoordinator"] == shipped["run_coordinator"]
    # What is in both would be in the chart's file twice.
    assert not daemon["runMonitoring"]["enabled"] and not daemon["runRetries"]["enabled"]
    assert f"--version {dg.__version__} " in (DEPLOY / "kubernetes" / "values.yaml").read_text()


def test_dagster_takes_the_values(values: dict[str, Any], tmp_path: Path) -> None:
    """The instance that the chart writes down: Dagster itself refuses what it does not know."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    written = {
        "run_launcher": {
            "module": "dagster_k8s", "class": "K8sRunLauncher",
            "config": {
                "service_account_name": "hishamos", "instance_config_map": "hishamos-instance",
                "load_incluster_config": False, "kubeconfig_file": str(kubeconfig), "env_secrets": ["hishamos"],
                "run_k8s_config": {
                    "container_config": launcher["containerConfig"], "pod_spec_config": launcher["podSpecConfig"],
                },
            },
        },
        "run_coordinator": values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"],
        **values["additionalInstanceConfig"],
    }  # fmt: skip
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(written))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, K8sRunLauncher)
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert instance.run_coordinator.get_run_queue_config().max_concurrent_runs == 10
        assert not instance.get_settings("run_retries")["retry_on_asset_or_op_failure"]
        assert instance.run_monitoring_max_runtime_seconds == 7200
