"""``hishamos events``: what has happened to projects, in order."""

import json
import time
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json
from hishamos_pipeline.core.pipeline.event_kinds import KINDS

if TYPE_CHECKING:
    from hishamos_pipeline.application.events import EventView

_PAUSE_SECONDS = 0.5


@click.command("events")
@click.argument("key", required=False, default="")
@click.option("--last", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Only events of this kind; may be given again.",
)
@click.option("--follow", is_flag=True, help="Print what happens from now on too, until Ctrl-C.")
@json_option
def command(key: str, last: int, kinds: tuple[str, ...], follow: bool, as_json: bool) -> None:
    """Show what has happened to KEY, or to all projects: ideas, builds, steps, stories, approvals, exports, edits.

    With --follow and --json, each event is a line of JSON.
    """
    from hishamos_pipeline.application import events

    with opened() as (services, actor):
        found = events.newest(services, actor, project=key, kinds=kinds, limit=last)
        if as_json and not follow:
            print_json(found)
            return
        for event in found:
            _print(event, as_json)
        seen = found[-1].id if found else 0
        while follow:
            time.sleep(_PAUSE_SECONDS)
            for event in events.after(services, actor, seen, project=key, kinds=kinds):
                _print(event, as_json)
                seen = event.id


def _print(event: "EventView", as_json: bool) -> None:
    if as_json:
        echo(event.model_dump_json())
        return
    details = " ".join(f"{name}={json.dumps(value)}" for name, value in event.payload.items() if value)
    what = f"{event.project} {event.subject}".strip()
    echo(f"{event.at:%Y-%m-%d %H:%M:%S} {event.kind:<17} {what}  {details} [{event.actor}]")
