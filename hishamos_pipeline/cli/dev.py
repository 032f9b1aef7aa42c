"""``hishamos dev``: the API, and Dagster's webserver and daemon, on this machine."""

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, opened, settings
from hishamos_pipeline.cli.serve import PORTS, argv_of, prepared

if TYPE_CHECKING:
    from hishamos_pipeline.settings import Settings

_GRACE_SECONDS = 20


@click.command("dev")
@click.option(
    "--port",
    default=3000,
    type=click.IntRange(1, 65535),
    show_default=True,
    help="Port of the webserver on 127.0.0.1.",
)
@click.option(
    "--api-port",
    default=PORTS["api"],
    type=click.IntRange(1, 65535),
    show_default=True,
    help="Port of the API.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The Dagster UI has no login: keep it local."
)
def command(port: int, api_port: int, host: str) -> None:
    """Start the API, and Dagster's webserver and daemon; stop them all at Ctrl-C.

    The daemon runs queued builds and the `new_ideas` sensor, which watches the inbox. The API asks for a login: the
    link that is printed logs a browser in, once.
    """
    given = settings()
    home = prepared(given)
    echo(f"Dagster UI: http://{host}:{port}   inbox: {given.inbox}   home: {home}")
    echo(f"API: http://{host}:{api_port}/api/docs   log in once: {_login_link(given, host, api_port)}")
    # A shell that starts this in the background makes it ignore SIGINT, and Dagster copies that handler
    # to SIGTERM; it could then not be stopped at all.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    children = [
        subprocess.Popen(argv_of(part, home, host, at), start_new_session=True, cwd=home)
        for part, at in (("webserver", port), ("daemon", 0), ("api", api_port))
    ]
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        code = next(child.returncode for child in children if child.returncode is not None)
        raise click.ClickException(f"a process ended with exit code {code}; see its output above")
    except KeyboardInterrupt:
        echo("stopping")
    finally:
        _stop(children)


def _login_link(given: "Settings", host: str, port: int) -> str:
    """A link that logs a browser in, once, as this machine's user."""
    from hishamos_pipeline.application.people import own_login_link

    with opened() as (services, actor):
        link = own_login_link(services, actor)
    base = given.api_url or f"http://{host}:{port}"
    return f"{base}/api/v1/auth/login_by_link?link={link.token}"


def _stop(children: list["subprocess.Popen[bytes]"]) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
