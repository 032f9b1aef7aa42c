"""``hishamos change``: a wish in a sentence becomes a diff of requirements and stories, to be accepted or not."""

import asyncio
import sys
from dataclasses import asdict

import click

from hishamos_pipeline.cli.output import json_option, print_json, services
from hishamos_pipeline.core.actor import user


@click.command("change")
@click.argument("key")
@click.argument("sentence")
@click.option("--yes", is_flag=True, help="Accept the change without asking.")
@click.option("--dry-run", is_flag=True, help="Show the change alone.")
@json_option
def command(key: str, sentence: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Propose what SENTENCE changes of KEY's requirements and stories, and take it over if you accept it.

    The next build makes again what depends on the change, and nothing else.
    """
    from hishamos_pipeline.changing.proposing import accept, propose

    if not (yes or dry_run or as_json or sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask on: say --yes to accept the change, or --dry-run")
    with services() as opened:
        opened.store.projects.get(key)
        opened.check_models()
        run = opened.project(key)
        change = asyncio.run(propose(run, sentence))
        taken = ""
        if not as_json:
            click.echo(change.answer.summary)
            for item in change.items:
                click.echo(f"\n{item.status:<8} {item.kind} {item.item}\n{item.diff}")
        if change.items and not dry_run and (yes or (not as_json and _agreed())):
            taken = accept(run.project, change, author=user())
    if as_json:
        items = [asdict(item) for item in change.items]
        print_json({"summary": change.answer.summary, "items": items, "accepted": taken})
    elif taken:
        click.echo(f"\nrecorded as {taken}; what follows from it: hishamos plan {key}")
    else:
        click.echo("\nnothing was changed")


def _agreed() -> bool:
    return click.confirm("\nTake this change over?")
