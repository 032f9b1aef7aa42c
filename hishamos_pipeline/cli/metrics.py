"""``hishamos metrics``: serves figures for Prometheus."""

import threading

import click

from hishamos_pipeline.cli.instance import with_runs
from hishamos_pipeline.cli.output import echo
from hishamos_pipeline.errors import StorageError


@click.command("metrics")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9464, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on."
)
@click.option("--once", is_flag=True, help="Print the metrics and exit.")
def command(host: str, port: int, once: bool) -> None:
    """Serve figures of all processes and machines at /metrics, until it is interrupted.

    They are read from the store whenever they are asked for. One of these is enough for an installation.
    """
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server

    from hishamos_pipeline.operations.metrics import Metrics

    registry = CollectorRegistry()
    with with_runs() as (services, _, history):
        registry.register(Metrics(services.store, history.unfinished, services.settings.home))
        if once:
            echo(generate_latest(registry).decode(), nl=False)
            return
        try:
            server, _ = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise StorageError(
                f"cannot listen on {host}:{port}: {error.strerror}; name another --port"
            ) from error
        echo(f"metrics at http://{host}:{server.server_port}/metrics")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            server.shutdown()
