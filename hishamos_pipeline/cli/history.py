"""``hishamos history``: every revision of a project's artifacts."""

import click

from hishamos_pipeline.cli.output import json_option, opened, print_json, print_table
from hishamos_pipeline.core.pipeline.graph import STEPS


@click.command("history")
@click.argument("key")
@click.argument("artifact", required=False, default="", type=click.Choice(["", *STEPS]), metavar="[ARTIFACT]")
@json_option
def command(key: str, artifact: str, as_json: bool) -> None:
    """List the revisions of KEY, or of one of its artifacts: when, by whom, why, and for how much.

    The numbers are states of the project: `hishamos diff KEY 12 20` shows what changed between two of them.
    """
    from hishamos_pipeline.application import artifacts

    with opened() as (services, actor):
        found = artifacts.history(services, actor, key, artifact)
    if as_json:
        print_json(found)
        return
    print_table(
        ("revision", "state", "when (UTC)", "origin", "by", "why", "USD"),
        [
            (
                f"{r.artifact}@{r.revision}", r.state, f"{r.created_at:%Y-%m-%d %H:%M:%S}", r.origin,
                r.by, r.reason, f"{r.cost_usd:.4f}" if r.cost_usd else "",
            )
            for r in found
        ],
    )  # fmt: skip
