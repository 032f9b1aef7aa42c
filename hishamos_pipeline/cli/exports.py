"""``hishamos exports``: what was exported where, what was requested, and taking it back."""

import json
from typing import Any

import click

from hishamos_pipeline.cli.export import HOSTS, print_publication
from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.core.graph import EXPORTS
from hishamos_pipeline.errors import ArtifactMissingError


@click.group("exports")
def command() -> None:
    """List exports and requests for them, show one, or take one back."""


@command.command("list")
@click.argument("key", required=False)
@json_option
def list_exports(key: str | None, as_json: bool) -> None:
    """List the exports of KEY, or of all projects, and the requests that stand."""
    rows: list[dict[str, Any]] = []
    with services() as opened:
        keys = [key] if key else [project.key for project in opened.store.projects.all()]
        for name in keys:
            for kind in EXPORTS:
                request = opened.store.export_requests.standing(name, kind)
                if request:
                    asked = f"asked for by {request.requested_by} {request.options if request.options != '{}' else ''}"
                    rows.append(
                        _row(name, kind, f"request {request.status}", "", asked.strip(), request.requested_at)
                    )
            for export in opened.store.deliveries.exports(name):
                at = export.completed_at or export.created_at
                details = json.loads(export.details or "{}")
                detail = export.error or details.get("change_url") or export.checksum[:12]
                rows.append(_row(name, export.type, export.status, export.url, detail, at))
    if as_json:
        print_json(rows)
    else:
        print_table(tuple(rows[0]) if rows else ("key",), [tuple(row.values()) for row in rows])


@command.command("show")
@click.argument("key")
@click.argument("kind", type=click.Choice([*EXPORTS, "git"]))
@json_option
def show(key: str, kind: str, as_json: bool) -> None:
    """Show one export of KEY: where it is, what it holds, and what did not work."""
    with services() as opened:
        found = [row for row in opened.store.deliveries.exports(key) if row.type == kind]
    if not found:
        raise ArtifactMissingError(
            f"{key!r} was not exported to {kind}: run `hishamos export {key} --to {kind}`"
        )
    row = found[0]
    facts = {"status": row.status, "url": row.url, "checksum": row.checksum, "error": row.error}
    details = json.loads(row.details) if row.details else {}
    if as_json:
        print_json({**facts, **({"publication": details} if details else {})})
        return
    for name, value in facts.items():
        if value:
            click.echo(f"{name:<9} {value}")
    if details:
        print_publication(details)


@command.command("withdraw")
@click.argument("key")
@click.argument("kind", type=click.Choice(list(EXPORTS)))
def withdraw(key: str, kind: str) -> None:
    """Take back requests for an export of KEY; what the brief asks for stays, and so does what is published."""
    with services() as opened:
        stood = opened.store.export_requests.withdraw(key, kind)
        asked = kind in opened.store.projects.idea(key).exports
    told = f"withdrew the request for {kind}" if stood else f"nobody has requested {kind}"
    click.echo(told + ("; the brief asks for it still" if asked else ""))


@command.command("forget")
@click.argument("key")
@click.argument("kind", type=click.Choice(HOSTS))
def forget(key: str, kind: str) -> None:
    """Forget where KEY was published, so that the next export creates a repository anew. Nothing is deleted there."""
    with services() as opened:
        known = opened.store.deliveries.forget_publication(key, kind)
    told = f"forgot the publication on {kind}; the next export or build publishes {key} anew"
    click.echo(told if known else f"{key} was not published on {kind}")


def _row(key: str, kind: str, status: str, url: str, detail: str, at: object) -> dict[str, Any]:
    return {
        "key": key,
        "to": kind,
        "status": status,
        "at": f"{at:%Y-%m-%d %H:%M} UTC",
        "url": url,
        "detail": detail,
    }
