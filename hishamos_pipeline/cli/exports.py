"""``hishamos exports``: what was exported where, what was requested, and taking it back."""

import click

from hishamos_pipeline.cli.export import print_publication
from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table
from hishamos_pipeline.core.artifacts.target import HOSTS
from hishamos_pipeline.core.pipeline.graph import EXPORTS


@click.group("exports")
def command() -> None:
    """List exports and requests for them, show one, or take one back."""


@command.command("list")
@click.argument("key", required=False, default="")
@json_option
def list_exports(key: str, as_json: bool) -> None:
    """List the exports of KEY, or of all projects, and the requests that stand."""
    from hishamos_pipeline.application import exports

    with opened() as (services, actor):
        found = exports.list_exports(services, actor, key)
    if as_json:
        print_json(found)
    else:
        columns = ("key", "to", "status", "at", "url", "detail")
        print_table(columns, [(e.key, e.to, e.status, e.at, e.url, e.detail) for e in found])


@command.command("show")
@click.argument("key")
@click.argument("destination", type=click.Choice([*EXPORTS, "git"]))
@json_option
def show(key: str, destination: str, as_json: bool) -> None:
    """Show one export of KEY: where it is, what it holds, and what did not work."""
    from hishamos_pipeline.application import exports

    with opened() as (services, actor):
        found = exports.show_export(services, actor, key, destination)
    if as_json:
        print_json(found.model_dump(exclude_none=True))
        return
    for name in ("status", "url", "checksum", "error"):
        if value := getattr(found, name):
            echo(f"{name:<9} {value}")
    if found.publication:
        print_publication(found.publication)


@command.command("withdraw")
@click.argument("key")
@click.argument("destination", type=click.Choice(list(EXPORTS)))
def withdraw(key: str, destination: str) -> None:
    """Take back requests for an export of KEY; what the brief asks for stays, and so does what is published."""
    from hishamos_pipeline.application import exports

    with opened() as (services, actor):
        done = exports.withdraw(services, actor, key, destination)
    told = (
        f"withdrew the request for {destination}" if done.requests else f"nobody has requested {destination}"
    )
    echo(told + ("; the brief asks for it still" if done.asked_by_brief else ""))


@command.command("forget")
@click.argument("key")
@click.argument("destination", type=click.Choice(HOSTS))
def forget(key: str, destination: str) -> None:
    """Forget where KEY was published, so that the next export creates a repository anew. Nothing is deleted there."""
    from hishamos_pipeline.application import exports

    with opened() as (services, actor):
        known = exports.forget(services, actor, key, destination)
    told = f"forgot the publication on {destination}; the next export or build publishes {key} anew"
    echo(told if known else f"{key} was not published on {destination}")
