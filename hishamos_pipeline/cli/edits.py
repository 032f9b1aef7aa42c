"""``hishamos edits``: what people have edited, as far as it holds."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("edits")
def command() -> None:
    """See what people have edited."""


@command.command("list")
@click.argument("key")
@json_option
def list_edits(key: str, as_json: bool) -> None:
    """List the edits of KEY that hold; `hishamos edit KEY ARTIFACT ITEM --revert` takes one back."""
    from hishamos_pipeline.application import changes

    with opened() as (services, actor):
        found = changes.list_edits(services, actor, key)
    if as_json:
        print_json(found)
        return
    if not found:
        echo("no edit")
        return
    shown = [
        (
            e.artifact,
            e.item,
            "removed" if e.removed else "",
            e.author,
            f"{e.edited_at:%Y-%m-%d %H:%M} UTC",
            e.reason,
        )
        for e in found
    ]
    print_table(("artifact", "item", "", "by", "when", "why"), shown)
