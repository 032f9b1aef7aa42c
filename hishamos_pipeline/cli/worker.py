"""``hishamos worker``: executes runs on this machine for an installation of many."""

import os
import signal
import sysconfig
from pathlib import Path

import click

from hishamos_pipeline.cli.output import echo, settings
from hishamos_pipeline.errors import ToolMissingError


@click.command("worker")
@click.option("--runs", default=2, show_default=True, type=click.IntRange(1), help="Runs at the same time.")
@click.option("--name", default="", help="Name of the worker; the machine's by default.")
def command(runs: int, name: str) -> None:
    """Take runs from the queue of HISHAMOS_CELERY_BROKER and execute them, until it is stopped.

    At the first Ctrl-C or SIGTERM it finishes the runs that it has, at the second it ends at once.
    """
    from hishamos_pipeline.core.machine import machine
    from hishamos_pipeline.generation.services import Services
    from hishamos_pipeline.resources.dagster_home import prepare_dagster_home, write_worker_settings

    given = settings()
    if not given.celery_broker:
        raise click.UsageError("set HISHAMOS_CELERY_BROKER, such as redis://HOST:6379/0, on every machine")
    program = Path(sysconfig.get_path("scripts")) / "dagster-celery"
    if not program.exists():
        raise ToolMissingError("workers need `pip install 'hishamos-pipeline[celery]'`")
    opened = Services(given)
    _ = opened.store, opened.sandbox  # what does not work here is told now, and not by every run
    opened.close()
    prepare_dagster_home(given)
    path = write_worker_settings(given, runs)
    worker = name or machine().partition(":")[0]
    argv = [str(program), "worker", "start", "-A", "dagster_celery.app", "-y", str(path), "-n", worker]
    echo(f"worker {worker}: {runs} runs at the same time, home {given.home}")
    # It calls `celery` by name, which an environment that nobody has activated would not find.
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    # A shell that starts this in the background has it ignore SIGINT, and Dagster takes SIGTERM's handler from there.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(program, argv, environment)  # noqa: S606 - this process becomes the worker
