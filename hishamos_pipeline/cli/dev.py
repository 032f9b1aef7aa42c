"""``hishamos dev``: Dagster's webserver and daemon on this machine."""

import os
import signal
import subprocess
import time

import click

from hishamos_pipeline.cli.output import echo, settings
from hishamos_pipeline.cli.serve import argv_of, prepared

_GRACE_SECONDS = 20


@click.command("dev")
@click.option(
    "--port",
    default=3000,
    type=click.IntRange(1, 65535),
    show_default=True,
    help="Port of the webserver on 127.0.0.1.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="It has no login: keep it local.")
def command(port: int, host: str) -> None:
    """Start Dagster's webserver and daemon, and stop both at Ctrl-C.

    The daemon runs queued builds and the `new_ideas` sensor, which watches the inbox.
    """
    given = settings()
    home = prepared(given)
    echo(f"Dagster UI: http://{host}:{port}   inbox: {given.inbox}   home: {home}")
    # A shell that starts this in the background makes it ignore SIGINT, and Dagster copies that handler
    # to SIGTERM; it could then not be stopped at all.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    children = [
        subprocess.Popen(argv_of(part, home, host, port), start_new_session=True, cwd=home)
        for part in ("webserver", "daemon")
    ]
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        code = next(child.returncode for child in children if child.returncode is not None)
        raise click.ClickException(f"a Dagster process ended with exit code {code}; see its output above")
    except KeyboardInterrupt:
        echo("stopping")
    finally:
        _stop(children)


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
