"""``hishamos audit``: who did what, and whether the log is whole."""

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services


@click.group("audit")
def command() -> None:
    """Show who did what to what, and verify that nothing of it was changed."""


@command.command("list")
@click.option("--last", default=30, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--subject", default="", help="A project's key, or the name of a credential.")
@json_option
def list_(last: int, subject: str, as_json: bool) -> None:
    """List the newest entries."""
    with services() as opened:
        rows = opened.store.audit.newest(last, subject=subject)
    if as_json:
        names = ("id", "at", "actor", "action", "subject", "details", "hash")
        print_json([{name: getattr(row, name) for name in names} for row in rows])
        return
    print_table(
        ("when", "who", "what", "to what", "more"),
        [(f"{r.at:%Y-%m-%d %H:%M:%S}", r.actor, r.action, r.subject, r.details) for r in rows],
    )


@command.command("verify")
@click.option("--head", default="", help="A hash that was noted earlier and has to be in the log.")
@json_option
def verify(head: str, as_json: bool) -> None:
    """Follow the chain of hashes from its beginning; exit code 1 if it is broken.

    Note the hash that it prints somewhere else: a log that was cut off at its end is noticed with --head alone.
    """
    with services() as opened:
        verdict = opened.store.audit.verify(head)
    if as_json:
        print_json({"entries": verdict.entries, "head": verdict.head, "problem": verdict.problem})
    elif verdict.problem:
        click.echo(f"the audit log is broken after {verdict.entries} entries: {verdict.problem}", err=True)
    else:
        click.echo(f"{verdict.entries} entries, whole; newest hash {verdict.head}")
    if verdict.problem:
        raise click.exceptions.Exit(1)
