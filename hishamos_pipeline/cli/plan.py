"""``hishamos plan``: what a build would make, why, and for how much."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

if TYPE_CHECKING:
    from hishamos_pipeline.application.forecasts import ForecastComparison, PlannedStepView

_SHOWN = 4


@click.command("plan")
@click.argument("key")
@click.option(
    "--compare", is_flag=True, help="Show what the newest build was foretold to cost, and what it has cost."
)
@json_option
def command(key: str, compare: bool, as_json: bool) -> None:
    """Show what `hishamos build KEY` would make, why, and what that cost the last time. Nothing is made.

    Figures are certain / likely / at most. What is `likely` or made `perhaps` depends on what a model answers first.
    """
    from hishamos_pipeline.application import changes, forecasts

    if compare:
        with opened() as (services, actor):
            _print_comparison(forecasts.compare_plan(services, actor, key), as_json)
        return
    with opened() as (services, actor):
        found = asyncio.run(forecasts.plan(services, actor, key))
        edits = changes.list_outdated_edits(services, actor, key)
    if as_json:
        print_json(found)
        return
    for edited in edits:
        echo(f"edit out of date: {edited.path}: {', '.join(edited.changed)}")
    if not found:
        echo(f"{key} is up to date: nothing to make")
    else:
        print_table(
            ("asset", "why", "units", "calls", "tokens", "USD"),
            [
                (
                    item.asset, item.reason, _units(item),
                    _figures("{:.0f}", item.calls, item.likely_calls, item.most_calls),
                    _figures("{:,.0f}", item.tokens, item.likely_tokens, item.most_tokens),
                    _figures("{:.4f}", item.cost_usd, item.likely_usd, item.most_usd),
                )
                for item in found
            ],
        )  # fmt: skip
        calls = _figures(
            "{:.0f}",
            *(sum(getattr(item, name) for item in found) for name in ("calls", "likely_calls", "most_calls")),
        )
        usd = _figures(
            "{:.4f}",
            *(sum(getattr(item, name) for item in found) for name in ("cost_usd", "likely_usd", "most_usd")),
        )
        if calls:
            echo(
                f"calls {calls}, USD {usd or 0} (certain / likely / at most), as each unit cost the last time"
            )


def _print_comparison(found: "ForecastComparison", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_table(
        ("asset", "foretold calls", "calls", "tokens", "USD"),
        [
            (
                step.asset, _figures("{:.0f}", step.certain_calls, step.likely_calls, step.most_calls),
                f"{step.calls:.0f}", f"{step.tokens:,}", f"{step.cost_usd:.4f}",
            )
            for step in found.steps
            if step.calls or step.most_calls
        ],
    )  # fmt: skip
    ended = "" if found.ended_at else "; the build has not come to its end"
    echo(
        f"{found.calls:.0f} calls; likely were {found.likely_calls:.0f}, at most {found.most_calls:.0f}: "
        f"{found.error:.0%} off{ended}"
    )


def _figures(form: str, *figures: float) -> str:
    """``3 / 5 / 12``; nothing where all of it is nothing."""
    return " / ".join(form.format(figure) for figure in figures) if any(figures) else ""


def _units(item: "PlannedStepView") -> str:
    """``2 of 14: cli.py, store.py; likely 1: report.py; perhaps 3``."""
    if not (item.units or item.likely or item.perhaps or item.kept):
        return ""
    whole = len(item.units) + len(item.likely) + len(item.perhaps) + item.kept
    likely = f"; likely {len(item.likely)}{_named(item.likely)}" if item.likely else ""
    perhaps = f"; perhaps {len(item.perhaps)}" if item.perhaps else ""
    return f"{len(item.units)} of {whole}{_named(item.units)}{likely}{perhaps}"


def _named(units: Sequence[str]) -> str:
    named = [unit.rsplit("/", 1)[-1] for unit in units if unit]
    return f": {', '.join(named[:_SHOWN])}{' …' if len(named) > _SHOWN else ''}" if named else ""
