"""``hishamos diff``: what changed between two revisions."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json


@click.command("diff")
@click.argument("key")
@click.argument("before", metavar="REV")
@click.argument("after", metavar="REV")
@click.option("--names", is_flag=True, help="Name the items alone.")
@json_option
def command(key: str, before: str, after: str, names: bool, as_json: bool) -> None:
    """Show what changed in KEY from one REV to another, item by item.

    A REV is ARTIFACT@N, such as stories@2, or a number of `hishamos history KEY`: the whole project as it was then.
    """
    from hishamos_pipeline.application import artifacts

    with opened() as (services, actor):
        found = artifacts.diff(services, actor, key, before, after)
    if as_json:
        print_json(found)
        return
    for item in found:
        echo(f"{item.status:<8} {item.kind} {item.item}")
        if not names:
            echo(item.diff + "\n")
    if not found:
        echo("no difference")
