"""``hishamos artifacts``: the documents of a project, as they are in the store."""

import click

from hishamos_pipeline.cli.output import json_option, opened, print_json, print_table
from hishamos_pipeline.core.pipeline.graph import STEPS


@click.group("artifacts")
def command() -> None:
    """List the artifacts of a project, or show one."""


@command.command("list")
@click.argument("key")
@json_option
def list_artifacts(key: str, as_json: bool) -> None:
    """List the newest revision of every artifact of KEY."""
    from hishamos_pipeline.application import artifacts

    with opened() as (services, actor):
        found = artifacts.list_artifacts(services, actor, key)
    if as_json:
        print_json(found)
        return
    print_table(
        ("artifact", "revision", "hash", "engine", "seconds"),
        [(a.artifact, a.revision, a.content_hash[:12], a.engine, a.seconds) for a in found],
    )


@command.command("show")
@click.argument("key")
@click.argument("artifact", type=click.Choice(list(STEPS)))
def show(key: str, artifact: str) -> None:
    """Print the newest ARTIFACT of KEY as JSON, with its hash for `hishamos approve`."""
    from hishamos_pipeline.application import artifacts

    with opened() as (services, actor):
        print_json(artifacts.read_artifact(services, actor, key, artifact))
