"""``hishamos proposals``: what engines would make of items that people have edited."""

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.core.actor import user


@click.group("proposals")
def command() -> None:
    """See what engines propose against people's edits, and accept or reject it."""


@command.command("list")
@click.argument("key")
@json_option
def list_proposals(key: str, as_json: bool) -> None:
    """List the open proposals of KEY."""
    with services() as opened:
        rows = opened.store.edits.proposals(key)
    if as_json:
        print_json(
            [
                {"id": row.id, "artifact": row.kind, "item": row.item, "content": row.content,
                 "proposed_at": row.proposed_at}
                for row in rows
            ]
        )  # fmt: skip
        return
    if not rows:
        click.echo("no open proposal")
        return
    shown = [(row.id, row.kind, row.item, "" if row.content else "would be removed") for row in rows]
    print_table(("id", "artifact", "item", ""), shown)
    click.echo(f"see what one would change: hishamos proposals show {key} ID")


@command.command("show")
@click.argument("key")
@click.argument("proposal", type=int)
def show(key: str, proposal: int) -> None:
    """Show what accepting PROPOSAL would change, as a diff."""
    from hishamos_pipeline.changing.revisions import proposed

    with services() as opened:
        found = proposed(opened.store, key, proposal)
    click.echo(f"{found.status:<8} {found.kind} {found.item}\n{found.diff}")


@command.command("accept")
@click.argument("key")
@click.argument("proposal", type=int)
def accept(key: str, proposal: int) -> None:
    """Put what PROPOSAL says in place of the edit."""
    from hishamos_pipeline.changing.editing import decided

    with services() as opened:
        row = decided(opened.project(key).project, proposal, accept=True, author=user())
    assert row is not None
    click.echo(f"recorded as {row.kind}@{row.revision}; what follows from it: hishamos plan {key}")


@command.command("reject")
@click.argument("key")
@click.argument("proposal", type=int)
def reject(key: str, proposal: int) -> None:
    """Keep the edit; the same is not proposed again."""
    from hishamos_pipeline.changing.editing import decided

    with services() as opened:
        decided(opened.project(key).project, proposal, accept=False, author=user())
    click.echo("rejected; the edit stands")
