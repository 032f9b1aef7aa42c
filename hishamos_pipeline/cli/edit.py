"""``hishamos edit``: change an artifact by hand; the change stands when the artifact is made again."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hishamos_pipeline.cli.output import services
from hishamos_pipeline.core.actor import user
from hishamos_pipeline.core.items import EDITABLE, FILE_SETS

if TYPE_CHECKING:
    from hishamos_pipeline.core.editing import Edit
    from hishamos_pipeline.generation.run import ProjectRun


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
@click.option("--by", "author", default="", help="Who edits; the user of this machine by default.")
@click.option("--reason", default="edited by hand", show_default=True, help="Why, for the history.")
def command(
    key: str,
    artifact: str,
    item: str,
    source: str,
    values: tuple[str, ...],
    remove: bool,
    author: str,
    reason: str,
) -> None:
    """Edit an ARTIFACT of KEY, or one ITEM of it: REQ-001, US-001, a path, or @title for a field beside them.

    Without --file, --set or --remove, $EDITOR opens: on YAML for documents, on the text for files. The next build makes
    again what depends on the edit, and nothing else; see `hishamos plan KEY`.
    """
    if sum(map(bool, (source, values, remove))) > 1:
        raise click.UsageError("--file, --set and --remove exclude one another")
    if not item and (values or remove or artifact in FILE_SETS):
        raise click.UsageError("name the ITEM to edit, such as REQ-001, US-001, a path, or @title")
    if artifact in FILE_SETS and (values or remove):
        raise click.UsageError(
            "a file is edited as text: with --file or $EDITOR; which files there are, the plan says"
        )
    from hishamos_pipeline.changing.editing import apply_edits

    with services() as opened:
        opened.store.projects.get(key)
        run = opened.project(key)
        edits = _edits(run, artifact, item, source, values, remove)
        if not edits:
            click.echo("nothing changed")
            return
        row = apply_edits(run.project, artifact, edits, author=author or user(), reason=reason)
    click.echo(f"recorded as {artifact}@{row.revision}; what follows from it: hishamos plan {key}")


def _edits(
    run: "ProjectRun", kind: str, item: str, source: str, values: tuple[str, ...], remove: bool
) -> "list[Edit]":
    from hishamos_pipeline.changing import editing
    from hishamos_pipeline.changing.revisions import as_text
    from hishamos_pipeline.core.editing import edits_between
    from hishamos_pipeline.core.items import DERIVED

    items = editing.current_items(run.project, kind)
    if kind in FILE_SETS:
        before = run.project.store.units.texts([editing.current_item(run.project, kind, item)["sha256"]])
        (text,) = before.values()
        after = _given(source, text, Path(item).suffix or ".txt")
        return edits_between(kind, items, {**items, item: editing.file_item(run.project, kind, item, after)})
    if remove:
        editing.current_item(run.project, kind, item)
        return edits_between(kind, items, {name: value for name, value in items.items() if name != item})
    if values:
        content = editing.current_item(run.project, kind, item)
        for assignment in values:
            path, equals, value = assignment.partition("=")
            if not equals:
                raise click.UsageError(f"--set {assignment!r} lacks a value: write PATH=VALUE")
            content = (
                editing.with_value(content, path, _value(value))
                if not item.startswith("@")
                else _value(value)
            )
        return edits_between(kind, items, {**items, item: content})
    if item:
        known = items.get(item)
        content = _parsed(_given(source, "" if known is None else as_text(known), ".yaml"))
        if content is None:
            raise click.UsageError("the new content is empty; to remove an item, say --remove")
        return edits_between(kind, items, {**items, item: content})
    whole = {name: value for name, value in items.items() if name not in DERIVED}
    changed = _parsed(_given(source, as_text(whole), ".yaml"))
    if not isinstance(changed, dict):
        raise click.UsageError("the content is no object of items by name")
    return edits_between(kind, whole, changed)


def _given(source: str, text: str, suffix: str) -> str:
    if source == "-":
        return sys.stdin.read()
    if source:
        try:
            return Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"cannot read {source}: {error}") from None
    if not sys.stdin.isatty() and not os.environ.get("EDITOR") and not os.environ.get("VISUAL"):
        raise click.UsageError("give the new content with --file or --set, or name an editor in $EDITOR")
    return click.edit(text, extension=suffix) or text


def _parsed(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise click.UsageError(f"the content is not valid YAML or JSON: {error}") from None


def _value(text: str) -> Any:
    """A value as JSON, a list or an object as YAML too; anything else is text."""
    import json

    import yaml

    try:
        return yaml.safe_load(text) if text[:1] in ("[", "{") else json.loads(text)
    except (ValueError, yaml.YAMLError):
        return text
