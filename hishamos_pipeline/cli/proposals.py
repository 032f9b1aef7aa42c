"""``hishamos proposals``: what engines would make of items that people have edited."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("proposals")
def command() -> None:
    """See what engines propose against people's edits, and accept or reject it."""


@command.command("list")
@click.argument("key")
@json_option
def list_proposals(key: str, as_json: bool) -> None:
    """List the open proposals of KEY."""
    from hishamos_pipeline.application import changes

    with opened() as (services, actor):
        found = changes.list_proposals(services, actor, key)
    if as_json:
        print_json(found)
        return
    if not found:
        echo("no open proposal")
        return
    shown = [(p.id, p.artifact, p.item, "" if p.content else "would be removed") for p in found]
    print_table(("id", "artifact", "item", ""), shown)
    echo(f"see what one would change: hishamos proposals show {key} ID")


@command.command("show")
@click.argument("key")
@click.argument("proposal", type=int)
def show(key: str, proposal: int) -> None:
    """Show what accepting PROPOSAL would change, as a diff."""
    from hishamos_pipeline.application import changes

    with opened() as (services, actor):
        found = changes.show_proposal(services, actor, key, proposal)
    echo(f"{found.status:<8} {found.kind} {found.item}\n{found.diff}")


@command.command("accept")
@click.argument("key")
@click.argument("proposal", type=int)
def accept(key: str, proposal: int) -> None:
    """Put what PROPOSAL says in place of the edit."""
    from hishamos_pipeline.application import changes

    with opened() as (services, actor):
        wanted = changes.DecideProposal(key=key, proposal=proposal, accept=True)
        done = changes.decide_proposal(services, actor, wanted)
    assert done is not None
    echo(f"recorded as {done.artifact}@{done.revision}; what follows from it: hishamos plan {key}")


@command.command("reject")
@click.argument("key")
@click.argument("proposal", type=int)
def reject(key: str, proposal: int) -> None:
    """Keep the edit; the same is not proposed again."""
    from hishamos_pipeline.application import changes

    with opened() as (services, actor):
        changes.decide_proposal(
            services, actor, changes.DecideProposal(key=key, proposal=proposal, accept=False)
        )
    echo("rejected; the edit stands")
