"""``hishamos notifications``: what people were notified of, and whether channels work."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("notifications")
def command() -> None:
    """Show what people were notified of, and try a channel."""


@command.command("list")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def list_(last: int, as_json: bool) -> None:
    """List the newest notifications: to which channel, and whether they were sent."""
    from hishamos_pipeline.application import operations

    with opened() as (services, actor):
        found = operations.list_notifications(services, actor, last)
    if as_json:
        print_json(found)
        return
    print_table(
        ("when", "project", "step", "reason", "channel", "status", "error"),
        [
            (f"{n.created_at:%Y-%m-%d %H:%M}", n.project, n.step, n.reason[:80], n.channel, n.status, n.error)
            for n in found
        ],
    )


@command.command("test")
@click.argument("channel")
def test(channel: str) -> None:
    """Tell a made-up failure by CHANNEL, a name in HISHAMOS_NOTIFY; nothing is kept of it."""
    from hishamos_pipeline.application import operations

    with opened() as (services, actor):
        operations.try_channel(services, actor, channel)
    echo(f"{channel}: sent")
