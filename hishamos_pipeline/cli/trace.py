"""``hishamos trace``: requirement, story, file, test, result, commit and cost, both ways."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

if TYPE_CHECKING:
    from hishamos_pipeline.application.artifacts import TraceRowView


@click.command("trace")
@click.argument("key")
@click.argument("item", required=False, default="")
@json_option
def command(key: str, item: str, as_json: bool) -> None:
    """Follow the requirements of KEY to stories, files, tests, results and commits, and back.

    ITEM is a requirement or its id in the brief, a story, a criterion, a path, a test or a commit; without it,
    everything is shown, with the files and tests that belong to nothing.
    """
    from hishamos_pipeline.application import artifacts

    with opened() as (services, actor):
        found = artifacts.trace(services, actor, key, item)
    if as_json:
        print_json(found)
        return
    rows = found.rows
    if item:
        _details(rows)
    else:
        print_table(
            ("requirement", "story", "tests", "files", "commit", "USD"),
            [_line(group) for group in _groups(rows)],
        )
    for line in found.orphans:
        echo(f"orphan: {line}")


def _groups(rows: "Sequence[TraceRowView]") -> "list[list[TraceRowView]]":
    """The rows of each requirement's stories."""
    found: dict[tuple[str, str], list[TraceRowView]] = {}
    for row in rows:
        found.setdefault((row.requirement, row.story or row.status), []).append(row)
    return list(found.values())


def _line(rows: "Sequence[TraceRowView]") -> tuple[object, ...]:
    first = rows[0]
    tests = [row for row in rows if row.test]
    passed = sum(row.result == "passed" for row in tests)
    return (
        _named(first), f"{first.story} {first.status}".strip(), f"{passed} of {len(tests)} passed" if tests else "",
        len(first.files) or "", first.commit[:8], f"{first.cost_usd:.4f}" if first.cost_usd else "",
    )  # fmt: skip


def _named(row: "TraceRowView") -> str:
    return f"{row.requirement} ({row.external_id})" if row.external_id else row.requirement


def _details(rows: "Sequence[TraceRowView]") -> None:
    for group in _groups(rows):
        first = group[0]
        echo(
            f"\n{_named(first)} -> {first.story or first.status} {f'({first.status})' if first.story else ''}"
        )
        for row in group:
            if row.criterion:
                echo(f"  {row.criterion:<12} {row.result or 'no test':<8} {row.test}")
        for path in first.files:
            echo(f"  file         {path}")
        if first.commit:
            echo(f"  commit       {first.commit}")
        if first.cost_usd:
            echo(f"  cost         {first.cost_usd:.4f} USD")
