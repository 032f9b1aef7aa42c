"""``hishamos serve``: one part of an installation as a process of its own, for containers and service managers."""

import os
import signal
import sysconfig
from pathlib import Path

import click

from hishamos_pipeline.cli.output import settings


@click.command("serve")
@click.argument("part", type=click.Choice(["webserver", "daemon", "code-server"]))
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; there is no login."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port; 3000 for the webserver, 4000 for the code server."
)
def command(part: str, host: str, port: int | None) -> None:
    """Become one PART of an installation: Dagster's webserver, its daemon, or the code server.

    Webserver and daemon ask the code server that HISHAMOS_CODE_SERVER names, or load the definitions themselves.
    """
    from hishamos_pipeline.generation.workshop import Workshop
    from hishamos_pipeline.jobs.home import prepare_dagster_home

    opened = Workshop(settings())
    opened.settings.inbox.mkdir(parents=True, exist_ok=True)
    _ = opened.store
    opened.close()
    home = prepare_dagster_home(opened.settings)
    scripts = Path(sysconfig.get_path("scripts"))
    workspace = ["-w", str(home / "workspace.yaml")]
    argv = {
        "webserver": ["dagster-webserver", *workspace, "-h", host, "-p", str(port or 3000)],
        "daemon": ["dagster-daemon", "run", *workspace],
        "code-server": [
            "dagster", "api", "grpc", "-m", "hishamos_pipeline.definitions", "-h", host, "-p", str(port or 4000),
        ],
    }[part]  # fmt: skip
    # A shell that starts this in the background has it ignore SIGINT, and Dagster takes SIGTERM's handler from there.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(scripts / argv[0], argv)  # noqa: S606 - this process becomes the part
