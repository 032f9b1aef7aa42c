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
        heads = opened.store.artifacts.heads(key)
        paid = {step.kind: heads[step.kind].cost_usd if step.kind in heads else None for step in steps}
    if as_json:
        print_json(
            [
                {"asset": s.kind, "reason": s.reason, "certain": s.certain, "last_cost_usd": paid[s.kind]}
                for s in steps
            ]
        )
    elif not steps:
        click.echo(f"{key} is up to date: nothing to make")
    else:
        shown = {kind: "" if usd is None else f"{usd:.4f}" for kind, usd in paid.items()}
        print_table(
            ("asset", "why", "USD last time"), [(step.kind, step.reason, shown[step.kind]) for step in steps]
        )
        known = sum(usd for usd in paid.values() if usd is not None)
        if known:
            click.echo(f"at most about {known:.4f} USD, as the last time; what stays the same costs nothing")
