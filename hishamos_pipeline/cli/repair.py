"""``hishamos repair``: damaged rows and files are found, put aside, and brought back where that is possible."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json


@click.command("repair")
@click.argument("key", default="")
@json_option
def command(key: str, as_json: bool) -> None:
    """Compare every byte of KEY, or of all projects, with what was recorded.

    Damaged files are put aside, and brought back from the store's texts or the storage. What cannot be brought back is
    made by the next build.
    """
    from hishamos_pipeline.application.restoring import repair

    with opened() as (services, actor):
        found = repair(services, actor, key)
    if as_json:
        print_json(found)
        return
    for item in found:
        kept = f"; what it was is kept as {item.kept_as}" if item.kept_as else ""
        end = "mended" if item.mended else f"run `hishamos build {item.project}` to have it made again"
        echo(f"{item.project}: {item.artifact}: {item.problem}: {end}{kept}")
    if not found:
        echo("nothing is damaged")
