"""``hishamos mcp``: the Model Context Protocol on standard input and output, for coding agents on this machine."""

from importlib.util import find_spec

import click

from hishamos_pipeline.cli.output import opened


@click.command("mcp")
def command() -> None:
    """Serve a few tools to a coding agent, over the Model Context Protocol on standard input and output.

    The agent acts as whoever calls this command; `--as` makes it somebody with fewer rights. It needs the extra `mcp`.
    """
    if find_spec("mcp") is None:
        raise click.UsageError("this needs the extra `mcp`: pip install 'hishamos-pipeline[mcp]'")
    from hishamos_pipeline.api.caller import KnownCaller
    from hishamos_pipeline.api.mcp import create_server

    with opened() as (services, actor):
        caller = KnownCaller(services, actor)
        create_server(lambda _: caller).run("stdio")
