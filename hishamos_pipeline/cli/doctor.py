"""``hishamos doctor``: checks that everything HishamOS needs is there."""

import click

from hishamos_pipeline.cli.output import json_option, opened, print_json, print_table


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Read every project's artifacts, and every byte of its files.")
@json_option
def command(deep: bool, as_json: bool) -> None:
    """Check this machine, and whatever the settings name: models, storage, Git hosts; exit code 5 if one is amiss."""
    from hishamos_pipeline.application.health import health
    from hishamos_pipeline.runs.health import CHECKS

    with opened() as (services, actor):
        found = health(services, actor, CHECKS, deep=deep)
    if as_json:
        print_json(found)
    else:
        rows = [(check.check, "ok" if check.ok else "NOT OK", check.detail) for check in found]
        print_table(("check", "result", "detail"), rows)
    if not all(check.ok for check in found):
        raise click.exceptions.Exit(5)
