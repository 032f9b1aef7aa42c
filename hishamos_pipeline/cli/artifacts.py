"""``hishamos artifacts``: the documents of a project, as they are in the store."""

import json

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.core.graph import STEPS


@click.group("artifacts")
def command() -> None:
    """List the artifacts of a project, or show one."""


@command.command("list")
@click.argument("key")
@json_option
def list_artifacts(key: str, as_json: bool) -> None:
    """List the newest revision of every artifact of KEY."""
    with services() as opened:
        heads = opened.store.artifacts.heads(key)
    rows = [heads[kind] for kind in STEPS if kind in heads]
    if as_json:
        print_json(
            [
                {
                    "artifact": row.kind,
                    "revision": row.revision,
                    "content_hash": row.content_hash,
                    "engine": row.engine,
                    "origin": row.origin,
                    "seconds": row.seconds,
                    "created_at": row.created_at,
                }
                for row in rows
            ]
        )
        return
    print_table(
        ("artifact", "revision", "hash", "engine", "seconds"),
        [(r.kind, r.revision, r.content_hash[:12], r.engine, r.seconds) for r in rows],
    )


@command.command("show")
@click.argument("key")
@click.argument("artifact", type=click.Choice(list(STEPS)))
def show(key: str, artifact: str) -> None:
    """Print the newest ARTIFACT of KEY as JSON, with its hash for `hishamos approve`."""
    with services() as opened:
        row = opened.store.artifacts.require(key, artifact)
    print_json({"content_hash": row.content_hash, "content": json.loads(row.content)})
