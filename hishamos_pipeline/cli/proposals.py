"""``hishamos proposals``: what engines would make of items that people have edited."""

import getpass

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, workshop


@click.group("proposals")
def command() -> None:
    """List what engines propose against people's edits, and accept or reject it."""


@command.command("list")
@click.argument("key")
@json_option
def list_proposals(key: str, as_json: bool) -> None:
    """List the open proposals of KEY."""
    with workshop() as opened:
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
    shown = [(row.id, row.kind, row.item, row.content[:300] or "(remove it)") for row in rows]
    print_table(("id", "artifact", "item", "proposed"), shown)


@command.command("accept")
@click.argument("key")
@click.argument("proposal", type=int)
def accept(key: str, proposal: int) -> None:
    """Put what PROPOSAL says in place of the edit."""
    from hishamos_pipeline.generation.editing import decided

    with workshop() as opened:
        row = decided(opened.project(key), proposal, accept=True, author=getpass.getuser())
    assert row is not None
    click.echo(f"recorded as {row.kind}@{row.revision}; what follows from it: hishamos plan {key}")


@command.command("reject")
@click.argument("key")
@click.argument("proposal", type=int)
def reject(key: str, proposal: int) -> None:
    """Keep the edit; the same is not proposed again."""
    from hishamos_pipeline.generation.editing import decided

    with workshop() as opened:
        decided(opened.project(key), proposal, accept=False, author=getpass.getuser())
    click.echo("rejected; the edit stands")
