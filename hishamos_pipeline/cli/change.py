"""``hishamos change``: a wish becomes a diff of requirements and stories, to be accepted or not."""

import asyncio
import sys
from pathlib import Path

import click

from hishamos_pipeline.cli.output import confirmed, echo, json_option, opened, print_json


@click.command("change")
@click.argument("key")
@click.argument("sentence", default="")
@click.option(
    "--file",
    "document",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A document that is added to the brief, in place of a sentence; `-` is standard input.",
)
@click.option("--yes", is_flag=True, help="Accept the change without asking.")
@click.option("--dry-run", is_flag=True, help="Show the change alone.")
@json_option
def command(key: str, sentence: str, document: Path | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Propose what SENTENCE, or a document, changes of KEY's requirements and stories; take it over if you accept it.

    The next build makes again what depends on the change, and nothing else.
    """
    from hishamos_pipeline.application import changes
    from hishamos_pipeline.cli.ideas import content_of

    if not (yes or dry_run or as_json or sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask on: say --yes to accept the change, or --dry-run")
    with opened() as (services, actor):
        wanted = changes.WantedChange(
            key=key,
            sentence=sentence,
            document=content_of(document, services.settings.max_handed_bytes) if document else b"",
            name=document.name if document and str(document) != "-" else "",
        )
        change = asyncio.run(changes.propose_change(services, actor, wanted))
        found, taken = changes.change_view(change), ""
        if not as_json:
            echo(found.summary)
            for item in found.items:
                echo(f"\n{item.status:<8} {item.kind} {item.item}\n{item.diff}")
        if found.items and not dry_run and (yes or (not as_json and _agreed())):
            taken = changes.accept_change(services, actor, key, change)
    if as_json:
        print_json(found.model_copy(update={"accepted": taken}))
    elif taken:
        echo(f"\nrecorded as {taken}; what follows from it: hishamos plan {key}")
    else:
        echo("\nnothing was changed")


def _agreed() -> bool:
    return confirmed("\nAccept this change?")
