"""``hishamos projects``: list projects, show one, archive or delete it."""

from pathlib import Path

import click

from hishamos_pipeline.cli.instance import with_runs
from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table
from hishamos_pipeline.cli.summary import print_summary
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.projects.tables import PROJECT_STATES


@click.group("projects")
def command() -> None:
    """List projects, show one, archive or delete it."""


@command.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(PROJECT_STATES), help="Only those in this state."
)
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(1), help="Most projects to list."
)
@click.option("--after", default="", metavar="KEY", help="Only those whose key comes after this one.")
@json_option
def list_projects(states: tuple[str, ...], limit: int, after: str, as_json: bool) -> None:
    """List projects by key, with their states."""
    from hishamos_pipeline.application import projects

    with opened() as (services, actor):
        found = projects.list_projects(services, actor, PageQuery(limit), states=states, after=after).items
    if as_json:
        print_json(found)
        return
    print_table(
        ("key", "title", "state", "where", "why"),
        [(p.key, p.title, p.state, p.failed_step, p.reason) for p in found],
    )
    if len(found) == limit:
        echo(f"there may be more: --after {found[-1].key}")


@command.command("show")
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show a project: state, figures, stories, checks and paths."""
    from hishamos_pipeline.application import projects

    with opened() as (services, actor):
        found = projects.details(services, actor, key)
    if as_json:
        print_json(found)
        return
    print_summary(found)
    if found.backlog:
        columns = ("story", "title", "points", "status")
        print_table(columns, [(s.id, s.title, s.points, s.status) for s in found.backlog])
    if found.checks:
        print_table(
            ("check", "result", "figure", "findings"),
            [
                (c.name, "ok" if c.passed else "failed", f"{c.figure:g} {c.unit}", "; ".join(c.offending[:3]))
                for c in found.checks
            ],
        )


@command.command("archive")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
def archive(keys: tuple[str, ...]) -> None:
    """Take projects out of work. Nothing of them is removed; building one again brings it back."""
    from hishamos_pipeline.application import projects

    with with_runs() as (services, actor, history):
        for key in keys:
            projects.archive(services, actor, history, key)
            echo(f"{key}: archived")


@command.command("delete")
@click.argument("key")
@click.option(
    "--export-to",
    type=click.Path(file_okay=False, path_type=Path),
    help="First copy its repository and archives to this folder.",
)
@click.option("--without-export", is_flag=True, help="Delete it although there is no other copy.")
@click.confirmation_option(prompt="Delete the project with everything that it has?")
def delete(key: str, export_to: Path | None, without_export: bool) -> None:
    """Delete the archived project KEY: files, rows, partition and runs. What models have cost stays on the books.

    It is refused if its repository is neither published nor in the storage, unless it is copied first.
    """
    from hishamos_pipeline.application import projects

    wanted = projects.DeleteProject(key=key, export_to=export_to, without_export=without_export)
    with with_runs() as (services, actor, history):
        done = projects.delete(services, actor, history, wanted)
    if done.copied_to:
        echo(f"copied to {done.copied_to}")
    echo(f"{key}: deleted")
