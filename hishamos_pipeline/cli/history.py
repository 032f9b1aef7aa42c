"""``hishamos history``: every revision of a project's artifacts."""

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.core.graph import STEPS


@click.command("history")
@click.argument("key")
@click.argument("artifact", required=False, default="", type=click.Choice(["", *STEPS]), metavar="[ARTIFACT]")
@json_option
def command(key: str, artifact: str, as_json: bool) -> None:
    """List the revisions of KEY, or of one of its artifacts: when, by whom, why, and for how much.

    The numbers are states of the project: `hishamos diff KEY 12 20` shows what changed between two of them.
    """
    with services() as opened:
        rows = list(enumerate(opened.store.artifacts.history(key), start=1))
    chosen = [(number, row) for number, row in rows if not artifact or row.kind == artifact]
    if as_json:
        print_json(
            [
                {
                    "state": number, "artifact": row.kind, "revision": row.revision, "created_at": row.created_at,
                    "origin": row.origin, "by": row.author or row.engine, "reason": row.reason,
                    "content_hash": row.content_hash, "cost_usd": row.cost_usd, "calls": row.calls,
                }
                for number, row in chosen
            ]
        )  # fmt: skip
        return
    print_table(
        ("revision", "state", "when (UTC)", "origin", "by", "why", "USD"),
        [
            (
                f"{row.kind}@{row.revision}", number, f"{row.created_at:%Y-%m-%d %H:%M:%S}", row.origin,
                row.author or row.engine, row.reason, f"{row.cost_usd:.4f}" if row.cost_usd else "",
            )
            for number, row in chosen
        ],
    )  # fmt: skip
