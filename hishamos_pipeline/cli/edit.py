"""``hishamos edit``: change an artifact by hand; the change stands when the artifact is made again."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, opened
from hishamos_pipeline.core.artifacts.items import EDITABLE, FILE_SETS

if TYPE_CHECKING:
    from hishamos_pipeline.application.changes import EditArtifact
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.services import Services


@click.command("edit")
@click.argument("key")
@click.argument("artifact", type=click.Choice(EDITABLE))
@click.argument("item", required=False, default="")
@click.option(
    "--file", "source", default="", help="Read the new content from a file, or `-` for standard input."
)
@click.option(
    "--set", "values", multiple=True, metavar="PATH=VALUE", help="Set one field, such as criteria.0.then=…"
)
@click.option("--remove", is_flag=True, help="Remove the item; a requirement or story is retired.")
@click.option("--revert", is_flag=True, help="Take the edit of ITEM back, or all edits of ARTIFACT.")
@click.option("--by", "author", default="", help="Who edits; the user of this machine by default.")
@click.option("--reason", default="edited by hand", show_default=True, help="Why, for the history.")
def command(
    key: str,
    artifact: str,
    item: str,
    source: str,
    values: tuple[str, ...],
    remove: bool,
    revert: bool,
    author: str,
    reason: str,
) -> None:
    """Edit an ARTIFACT of KEY, or one ITEM of it: REQ-001, US-001, a path, or @title for a field beside them.

    Without --file, --set or --remove, $EDITOR opens: on YAML for documents, on the text for files. The next build makes
    again what depends on the edit, and nothing else; see `hishamos plan KEY`.
    """
    if sum(map(bool, (source, values, remove, revert))) > 1:
        raise click.UsageError("--file, --set, --remove and --revert exclude one another")
    if revert:
        _revert(key, artifact, item, author)
        return
    if not item and (values or remove or artifact in FILE_SETS):
        raise click.UsageError("name the ITEM to edit, such as REQ-001, US-001, a path, or @title")
    if artifact in FILE_SETS and (values or remove):
        raise click.UsageError(
            "a file is edited as text: with --file or $EDITOR; which files there are, the plan says"
        )
    from hishamos_pipeline.application import changes

    with opened(author) as (services, actor):
        wanted = changes.EditArtifact(
            key=key, artifact=artifact, item=item, remove=remove, reason=reason, values=_assigned(values)
        )
        if not (values or remove):
            wanted = _written(services, actor, wanted, source)
        done = changes.edit(services, actor, wanted)
    if not done.revision:
        echo("nothing changed")
        return
    echo(f"recorded as {artifact}@{done.revision}; what follows from it: hishamos plan {key}")


def _revert(key: str, artifact: str, item: str, author: str) -> None:
    from hishamos_pipeline.application import changes

    with opened(author) as (services, actor):
        done = changes.revert(services, actor, changes.RevertEdits(key=key, artifact=artifact, item=item))
    echo(f"taken back as {artifact}@{done.revision}; what follows from it: hishamos plan {key}")


def _assigned(values: tuple[str, ...]) -> tuple[tuple[str, object], ...]:
    from hishamos_pipeline.application.changes import field_value

    found = []
    for assignment in values:
        path, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set {assignment!r} lacks a value: write PATH=VALUE")
        found.append((path, field_value(value)))
    return tuple(found)


def _written(services: "Services", actor: "Actor", wanted: "EditArtifact", source: str) -> "EditArtifact":
    """The edit with its new content: from a file, from standard input, or from an editor."""
    from hishamos_pipeline.application.changes import text_to_edit

    found = text_to_edit(services, actor, wanted.key, wanted.artifact, wanted.item)
    if source == "-":
        return wanted.model_copy(update={"text": sys.stdin.read()})
    if source:
        try:
            return wanted.model_copy(update={"text": Path(source).read_text(encoding="utf-8")})
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"cannot read {source}: {error}") from None
    if not sys.stdin.isatty() and not os.environ.get("EDITOR") and not os.environ.get("VISUAL"):
        raise click.UsageError("give the new content with --file or --set, or name an editor in $EDITOR")
    text = click.edit(found.text, extension=found.suffix) or found.text
    return wanted.model_copy(update={"text": text, "seen": found.revision})
