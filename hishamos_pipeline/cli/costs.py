"""``hishamos costs``: what models have cost."""

from typing import Any, cast

import click

from hishamos_pipeline.cli.output import bars, json_option, print_json, print_table, services


@click.command("costs")
@click.argument("key", required=False, default="")
@click.option(
    "--by", type=click.Choice(["role", "model", "asset", "fleet", "day"]), default="asset", show_default=True,
    help="What the costs are added up by.",
)  # fmt: skip
@click.option("--plot", is_flag=True, help="Draw bars.")
@json_option
def command(key: str, by: str, plot: bool, as_json: bool) -> None:
    """Show what models have cost: for the project KEY, or for all of them.

    Failed calls count. `cached` answers came from the store and cost nothing.
    """
    with services() as opened:
        if key:
            opened.store.projects.get(key)
        rows = opened.store.calls.costs(key, cast("Any", by))
        verified = _verified(opened, key)
    total = sum(row["cost_usd"] for row in rows)
    each = total / verified if verified else None
    if as_json:
        print_json({"total_usd": total, "requirements_verified": verified, "usd_per_verified_requirement": each,
                    "rows": rows})  # fmt: skip
        return
    if not rows:
        click.echo("no model was asked")
        return
    if plot:
        click.echo("\n".join(bars([(str(row[by] or "(none)"), row["cost_usd"]) for row in rows], "USD")))
    else:
        print_table(
            (by, "calls", "cached", "failed", "tokens in", "tokens out", "USD"),
            [
                (
                    row[by] or "(none)", row["calls"], row["cached"], row["failed"], f"{row['input_tokens']:,}",
                    f"{row['output_tokens']:,}", f"{row['cost_usd']:.4f}",
                )
                for row in rows
            ],
        )  # fmt: skip
    per = f"; {each:.4f} USD for each of {verified} verified requirements" if each is not None else ""
    click.echo(f"{total:.4f} USD in all{per}")


def _verified(opened: Any, key: str) -> int:
    """How many requirements the newest builds have shown."""
    from hishamos_pipeline.core.documents import VerifiedBuild

    keys = [key] if key else [project.key for project in opened.store.projects.all()]
    heads = [opened.store.artifacts.head(name, "verified_build") for name in keys]
    builds = [VerifiedBuild.model_validate_json(row.content) for row in heads if row is not None]
    return sum(build.requirements_verified for build in builds)
