"""``hishamos audit``: who did what, and whether the log is whole."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("audit")
def command() -> None:
    """Show who did what to what, and verify that nothing of it was changed."""


@command.command("list")
@click.option("--last", default=30, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--subject", default="", help="A project's key, or the name of a credential.")
@json_option
def list_(last: int, subject: str, as_json: bool) -> None:
    """List the newest entries."""
    from hishamos_pipeline.application import operations
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = operations.list_audit(services, actor, PageQuery(last), subject=subject).items
    if as_json:
        print_json(found)
        return
    print_table(
        ("when", "who", "what", "to what", "more"),
        [(f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, e.action, e.subject, e.details) for e in found],
    )


@command.command("verify")
@click.option("--head", default="", help="A hash that was noted earlier and has to be in the log.")
@json_option
def verify(head: str, as_json: bool) -> None:
    """Follow the chain of hashes from its beginning; exit code 1 if it is broken.

    Note the hash that it prints somewhere else: a log that was cut off at its end is noticed with --head alone.
    """
    from hishamos_pipeline.application import operations

    with opened() as (services, actor):
        found = operations.verify_audit(services, actor, head)
    if as_json:
        print_json(found)
    elif found.problem:
        echo(f"the audit log is broken after {found.entries} entries: {found.problem}", err=True)
    else:
        echo(f"{found.entries} entries, whole; newest hash {found.head}")
    if found.problem:
        raise click.exceptions.Exit(1)
