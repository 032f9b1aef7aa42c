"""``hishamos serve``: one part of an installation as a process of its own, for containers and service managers."""

import os
import signal
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, settings

if TYPE_CHECKING:
    from hishamos_pipeline.settings import Settings

PORTS = {"api": 8000, "webserver": 3000, "code-server": 4000}


@click.command("serve")
@click.argument("part", type=click.Choice(["api", "webserver", "daemon", "code-server"]))
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; the API alone asks for a login.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port; 8000 for the API, 3000 for the webserver, 4000 for the code server.",
)
def command(part: str, host: str, port: int | None) -> None:
    """Become one PART of an installation: the API, Dagster's webserver, its daemon, or the code server.

    Webserver and daemon ask the code server that HISHAMOS_CODE_SERVER names, or load the definitions themselves.
    """
    if part == "api":
        _serve_api(settings(), host, port or PORTS[part])
        return
    home = prepared(settings())
    # A shell that starts this in the background has it ignore SIGINT, and Dagster takes SIGTERM's handler from there.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    argv = argv_of(part, home, host, port or PORTS.get(part, 0))
    os.execv(argv[0], argv)  # noqa: S606 - this process becomes the part


def _serve_api(given: "Settings", host: str, port: int) -> None:
    from hishamos_pipeline.api.app import create_app
    from hishamos_pipeline.api.server import ApiServer
    from hishamos_pipeline.generation.services import Services

    services = Services(given)
    _ = services.store
    echo(f"API: http://{host}:{port}/api/v1   documentation: http://{host}:{port}/api/docs", err=True)
    ApiServer(create_app(services), given, host, port).run()


def prepared(given: "Settings") -> Path:
    """Dagster's home with its settings in it; the store is created and migrated before two processes want it."""
    from hishamos_pipeline.generation.services import Services
    from hishamos_pipeline.resources.dagster_home import prepare_dagster_home

    opened = Services(given)
    given.inbox.mkdir(parents=True, exist_ok=True)
    _ = opened.store
    opened.close()
    return prepare_dagster_home(given)


def argv_of(part: str, home: Path, host: str, port: int) -> list[str]:
    """The command that is a part of an installation, with a home that has been prepared."""
    workspace = ["-w", str(home / "workspace.yaml")]
    listening = ["-h", host, "-p", str(port)]
    program, *rest = {
        "api": ["hishamos", "serve", "api", "--host", host, "--port", str(port)],
        "webserver": ["dagster-webserver", *workspace, *listening],
        "daemon": ["dagster-daemon", "run", *workspace],
        "code-server": ["dagster", "api", "grpc", "-m", "hishamos_pipeline.definitions", *listening],
    }[part]
    return [str(Path(sysconfig.get_path("scripts")) / program), *rest]
