"""``hishamos files``: list the files of a project's newest tree, or show one."""

import click

from hishamos_pipeline.cli.output import json_option, opened, print_contents, print_json, print_table


@click.group("files")
def command() -> None:
    """List the files of a project, or show one."""


@command.command("list")
@click.argument("key")
@click.option("--search", default="", metavar="TEXT", help="Only those whose path contains this.")
@click.option(
    "--limit", default=10_000, show_default=True, type=click.IntRange(1), help="Most files to list."
)
@json_option
def list_files(key: str, search: str, limit: int, as_json: bool) -> None:
    """List the files of the newest tree of KEY with sizes and stories."""
    from hishamos_pipeline.application import artifacts
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = artifacts.list_files(services, actor, key, PageQuery(limit, search=search)).items
    if as_json:
        print_json(found)
        return
    print_table(("path", "bytes", "stories"), [(f.path, f.size, ", ".join(f.stories)) for f in found])


@command.command("show")
@click.argument("key")
@click.argument("path")
def show(key: str, path: str) -> None:
    """Print the file PATH of the newest tree of KEY."""
    from hishamos_pipeline.application import artifacts

    with opened() as (services, actor):
        print_contents(artifacts.read_file(services, actor, key, path).text)
