"""``hishamos batch compare``: two batches as a table, as bars, or as JSON."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import bars, echo, json_option, opened, print_json, print_table

if TYPE_CHECKING:
    from hishamos_pipeline.application.batches import BatchFiguresView


@click.command("compare")
@click.argument("first")
@click.argument("second")
@click.option(
    "--all", "everything", is_flag=True, help="Count projects too that have ended in one of them alone."
)
@click.option("--plot", is_flag=True, help="Draw bars.")
@json_option
def command(first: str, second: str, everything: bool, plot: bool, as_json: bool) -> None:
    """Compare two batches by the projects that have ended in both: verified share, cost and time."""
    from hishamos_pipeline.application import batches

    with opened() as (services, actor):
        found = batches.compare(services, actor, first, second, everything=everything)
    one, other = found[first], found[second]
    if as_json:
        print_json(found)
    elif plot:
        _plot((first, one), (second, other))
    else:
        print_table(("figure", first, second), [(label, *pair) for label, *pair in _rows(one, other)])


def _rows(one: "BatchFiguresView", other: "BatchFiguresView") -> list[tuple[str, str, str]]:
    def each(label: str, write: "Callable[[BatchFiguresView], str]") -> tuple[str, str, str]:
        return label, write(one), write(other)

    return [
        each("projects that have ended", lambda f: str(f.projects)),
        each("verified", lambda f: f"{f.verified} ({_percent(f.share)})"),
        each("95 % interval of that", lambda f: f"{_percent(f.low)} to {_percent(f.high)}"),
        each("requirements verified", lambda f: f"{f.requirements_verified} of {f.requirements}"),
        each("USD in all", lambda f: f"{f.cost_usd:.4f}"),
        each("USD for each verified requirement", lambda f: _number(f.usd_each, 4)),
        each("tokens for each", lambda f: _number(f.tokens_each, 0)),
        each("seconds for a project, median", lambda f: f"{f.seconds:.1f}"),
        each("seconds for a project, 95th percentile", lambda f: f"{f.p95_seconds:.1f}"),
        each("models", lambda f: ", ".join(f.models) or "blueprint"),
        each("prompts", lambda f: ", ".join(v[:8] for v in f.prompt_versions) or "none"),
    ]


def _plot(*sides: "tuple[str, BatchFiguresView]") -> None:
    drawn: list[tuple[str, Callable[[BatchFiguresView], float]]] = [
        ("verified, %", lambda f: 100 * (f.share or 0.0)),
        ("USD for each verified requirement", lambda f: f.usd_each or 0.0),
        ("seconds for a project, median", lambda f: f.seconds),
    ]
    for label, pick in drawn:
        echo(label)
        echo("\n".join(bars([(name, pick(figure)) for name, figure in sides])))


def _percent(share: float | None) -> str:
    return f"{100 * share:.0f} %" if share is not None else "none has ended"


def _number(value: float | None, digits: int) -> str:
    return f"{value:,.{digits}f}" if value is not None else "none is verified"
