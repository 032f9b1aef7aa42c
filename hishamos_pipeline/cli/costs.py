"""``hishamos costs``: what models have cost."""

from typing import Any, cast

import click

from hishamos_pipeline.cli.output import bars, echo, json_option, opened, print_json, print_table


@click.command("costs")
@click.argument("key", required=False, default="")
@click.option(
    "--by", type=click.Choice(["role", "model", "asset", "batch", "day"]), default="asset", show_default=True,
    help="What the costs are added up by.",
)  # fmt: skip
@click.option("--plot", is_flag=True, help="Draw bars.")
@json_option
def command(key: str, by: str, plot: bool, as_json: bool) -> None:
    """Show what models have cost: for the project KEY, or for all of them.

    Failed calls count. `cached` answers came from the store and cost nothing.
    """
    from hishamos_pipeline.application.costs import costs

    with opened() as (services, actor):
        found = costs(services, actor, key, cast("Any", by))
    if as_json:
        print_json(found)
        return
    if not found.rows:
        echo("no model was asked")
        return
    if plot:
        echo("\n".join(bars([(row.group or "(none)", row.cost_usd) for row in found.rows], "USD")))
    else:
        print_table(
            (by, "calls", "cached", "failed", "tokens in", "tokens out", "USD"),
            [
                (
                    row.group or "(none)", row.calls, row.cached, row.failed, f"{row.input_tokens:,}",
                    f"{row.output_tokens:,}", f"{row.cost_usd:.4f}",
                )
                for row in found.rows
            ],
        )  # fmt: skip
    each, verified = found.usd_per_verified_requirement, found.requirements_verified
    per = f"; {each:.4f} USD for each of {verified} verified requirements" if each is not None else ""
    echo(f"{found.total_usd:.4f} USD in all{per}")
