"""``hishamos builds``: who has asked for which build, and taking it back."""

import click

from hishamos_pipeline.cli.instance import with_runs
from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("builds")
def command() -> None:
    """List requests for builds, or cancel those of a project."""


@command.command("list")
@click.argument("key", required=False, default="")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def list_(key: str, last: int, as_json: bool) -> None:
    """List the newest requests for builds, of KEY or of all projects, and what became of them."""
    from hishamos_pipeline.application import builds
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = builds.list_requests(services, actor, PageQuery(last), key).items
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "project", "revision", "status", "asked for by", "when (UTC)", "why"),
        [
            (b.id, b.project, b.revision, b.status, b.requested_by, f"{b.requested_at:%Y-%m-%d %H:%M}", b.reason)
            for b in found
        ],
    )  # fmt: skip


@command.command("cancel")
@click.argument("key")
@json_option
def cancel(key: str, as_json: bool) -> None:
    """Cancel the requests for KEY that wait, and end its runs. What is made stays made."""
    from hishamos_pipeline.application import builds

    with with_runs() as (services, actor, history):
        done = builds.cancel(services, actor, history, key)
    if as_json:
        print_json(done)
        return
    if done.requests or done.runs:
        echo(f"{key}: {done.requests} requests cancelled, {done.runs} runs ended")
    elif not done.at_command_lines:
        echo(f"{key}: there is no request and no run to cancel")
    if done.at_command_lines:
        echo(f"{key} is being built at a command line: end that with Ctrl-C there", err=True)
