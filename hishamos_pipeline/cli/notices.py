"""``hishamos notices``: what people were told of failures, and whether channels work."""

import smtplib
import uuid

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.errors import StorageError
from hishamos_pipeline.store.notifications.records import Notice


@click.group("notices")
def command() -> None:
    """Show what was told of failed runs, and try a channel."""


@command.command("list")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def list_(last: int, as_json: bool) -> None:
    """List the newest notices: to which channel, and whether they were told."""
    with services() as opened:
        rows = opened.store.notices.newest(last)
    if as_json:
        print_json(
            [
                {
                    "project": row.project,
                    "step": row.step,
                    "reason": row.reason,
                    "run_id": row.run_id,
                    "channel": row.channel,
                    "status": row.status,
                    "tries": row.tries,
                    "error": row.error,
                    "created_at": row.created_at.isoformat(),
                }
                for row in rows
            ]
        )
        return
    print_table(
        ("when", "project", "step", "reason", "channel", "status", "error"),
        [
            (
                f"{row.created_at:%Y-%m-%d %H:%M}",
                row.project,
                row.step,
                row.reason[:80],
                row.channel,
                row.status,
                row.error,
            )
            for row in rows
        ],
    )


@command.command("test")
@click.argument("channel")
def test(channel: str) -> None:
    """Tell a made-up failure by CHANNEL, a name in HISHAMOS_NOTIFY; nothing is kept of it."""
    from hishamos_pipeline.operations.telling import tell

    with services() as opened:
        if channel not in opened.settings.notify:
            known = ", ".join(opened.settings.notify) or "none"
            raise click.UsageError(f"HISHAMOS_NOTIFY names no channel {channel!r}; it names {known}")
        made_up = Notice(
            id=0,
            channel=channel,
            event="test",
            project="example",
            run_id=f"test-{uuid.uuid4().hex[:12]}",  # a receiver leaves out what it has seen
            step="",
            reason="this is a test of a channel; nothing has failed",
            created_at=opened.store.clock.now(),
        )
        try:
            tell(made_up, opened.settings, opened.key)
        except (OSError, smtplib.SMTPException) as error:
            raise StorageError(f"{channel}: {error}") from error
    click.echo(f"{channel}: told")
