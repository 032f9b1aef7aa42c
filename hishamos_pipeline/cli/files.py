"""``hishamos files``: list the files of a project's newest tree, or show one."""

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.errors import ArtifactMissingError


@click.group("files")
def command() -> None:
    """List the files of a project, or show one."""


@command.command("list")
@click.argument("key")
@json_option
def list_files(key: str, as_json: bool) -> None:
    """List the files of the newest tree of KEY with sizes and stories."""
    with services() as opened:
        tree = opened.store.deliveries.newest(key)
    rows = tree.files if tree else []
    if as_json:
        print_json(
            [
                {
                    "path": row.path,
                    "size": row.size,
                    "sha256": row.content_hash,
                    "mode": oct(row.mode),
                    "stories": row.stories,
                }
                for row in rows
            ]
        )
        return
    print_table(("path", "bytes", "stories"), [(r.path, r.size, ", ".join(r.stories)) for r in rows])


@command.command("show")
@click.argument("key")
@click.argument("path")
def show(key: str, path: str) -> None:
    """Print the file PATH of the newest tree of KEY."""
    with services() as opened:
        tree = opened.store.deliveries.newest(key)
        row = next((row for row in tree.files if row.path == path), None) if tree else None
        if row is None:
            raise ArtifactMissingError(
                f"project {key!r} has no file {path!r}: see `hishamos files list {key}`"
            )
        text = opened.store.units.texts([row.content_hash])[row.content_hash]
    click.echo(text, nl=False)
