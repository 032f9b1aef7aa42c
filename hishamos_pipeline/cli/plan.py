"""``hishamos plan``: what a build would make, why, and for how much."""

import asyncio
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

if TYPE_CHECKING:
    from hishamos_pipeline.application.builds import PlannedStepView

_SHOWN = 4


@click.command("plan")
@click.argument("key")
@json_option
def command(key: str, as_json: bool) -> None:
    """Show what `hishamos build KEY` would make, why, and what that cost the last time. Nothing is made.

    What is marked `perhaps` is made only if something that it is built on comes out differently.
    """
    from hishamos_pipeline.application import builds

    with opened() as (services, actor):
        found = asyncio.run(builds.plan(services, actor, key))
    if as_json:
        print_json(found)
    elif not found:
        echo(f"{key} is up to date: nothing to make")
    else:
        print_table(
            ("asset", "why", "units", "calls", "tokens", "USD"),
            [
                (
                    item.asset, item.reason, _units(item), f"{item.calls:.0f}" if item.calls else "",
                    f"{item.tokens:,.0f}" if item.tokens else "", f"{item.cost_usd:.4f}" if item.cost_usd else "",
                )
                for item in found
            ],
        )  # fmt: skip
        sure, most = sum(item.cost_usd for item in found), sum(item.most_usd for item in found)
        if most:
            echo(f"about {sure:.4f} USD, at most {most:.4f}, as each unit cost the last time")


def _units(item: "PlannedStepView") -> str:
    """``2 of 14: cli.py, store.py; perhaps 3``."""
    if not item.units and not item.perhaps and not item.kept:
        return ""
    named = [unit.rsplit("/", 1)[-1] for unit in item.units if unit]
    listed = f": {', '.join(named[:_SHOWN])}{' …' if len(named) > _SHOWN else ''}" if named else ""
    whole = len(item.units) + len(item.perhaps) + item.kept
    perhaps = f"; perhaps {len(item.perhaps)}" if item.perhaps else ""
    return f"{len(item.units)} of {whole}{listed}{perhaps}"
