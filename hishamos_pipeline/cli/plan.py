"""``hishamos plan``: what a build would make, and why."""

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, workshop


@click.command("plan")
@click.argument("key")
@json_option
def command(key: str, as_json: bool) -> None:
    """Show what `hishamos build KEY` would make, and why. Nothing is made."""
    with workshop() as opened:
        steps = opened.project(key).plan()
    if as_json:
        print_json([{"asset": s.kind, "reason": s.reason, "certain": s.certain} for s in steps])
    elif not steps:
        click.echo(f"{key} is up to date: nothing to make")
    else:
        print_table(("asset", "why"), [(step.kind, step.reason) for step in steps])
