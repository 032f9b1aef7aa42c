"""``hishamos projects``: list projects, show one, archive or delete it."""

from pathlib import Path

import click

from hishamos_pipeline.cli.instance import with_runs
from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.cli.summary import print_summary, summary
from hishamos_pipeline.core.actor import actor
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
    with services() as opened:
        rows = opened.store.projects.page(limit, after=after, states=states)
    if as_json:
        print_json(
            [
                {
                    "key": row.key,
                    "title": row.title,
                    "state": row.state,
                    "failed_step": row.failed_step,
                    "reason": row.reason,
                    "cost_usd": row.cost_usd,
                    "updated_at": row.updated_at,
                }
                for row in rows
            ]
        )
        return
    print_table(
        ("key", "title", "state", "where", "why"),
        [(row.key, row.title, row.state, row.failed_step, row.reason) for row in rows],
    )
    if len(rows) == limit:
        click.echo(f"there may be more: --after {rows[-1].key}")


@command.command("show")
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show a project: state, figures, stories, checks and paths."""
    from hishamos_pipeline.core.documents import VerifiedBuild

    with services() as opened:
        run = opened.project(key)
        stories = opened.store.backlog.stories(key)
        row = opened.store.artifacts.head(key, "verified_build")
        checks = VerifiedBuild.model_validate_json(row.content).checks if row else ()
        if as_json:
            print_json(
                {
                    **summary(run),
                    "backlog": [
                        {
                            "id": s.code,
                            "title": s.title,
                            "status": s.status,
                            "points": s.points,
                            "reason": s.reason,
                        }
                        for s in stories
                    ],
                    "checks": [check.model_dump() for check in checks],
                }
            )
            return
        print_summary(run)
    if stories:
        print_table(
            ("story", "title", "points", "status"), [(s.code, s.title, s.points, s.status) for s in stories]
        )
    if checks:
        print_table(
            ("check", "result", "figure", "findings"),
            [
                (c.name, "ok" if c.passed else "failed", f"{c.figure:g} {c.unit}", "; ".join(c.offending[:3]))
                for c in checks
            ],
        )


@command.command("archive")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
def archive(keys: tuple[str, ...]) -> None:
    """Take projects out of work. Nothing of them is removed; building one again brings it back."""
    from hishamos_pipeline.operations.cleanup import projects

    with with_runs() as (opened, history):
        for key in keys:
            projects.archive(opened.store, history, key)
            click.echo(f"{key}: archived")


@command.command("delete")
@click.argument("key")
@click.option(
    "--export-to",
    type=click.Path(file_okay=False, path_type=Path),
    help="First copy its repository and archives to this folder.",
)
@click.option("--without-export", is_flag=True, help="Delete it although it is kept nowhere else.")
@click.confirmation_option(prompt="Delete the project with everything that it has?")
def delete(key: str, export_to: Path | None, without_export: bool) -> None:
    """Delete the archived project KEY: files, rows, partition and runs. What models have cost stays on the books.

    It is refused if its repository is neither published nor in the storage, unless it is copied first.
    """
    from hishamos_pipeline.operations.cleanup import projects
    from hishamos_pipeline.workspace.storage import open_storage

    with with_runs() as (opened, history):
        given = opened.settings
        projects.require_deletable(
            opened.store,
            history,
            open_storage(given),
            key,
            without_export=without_export or export_to is not None,
        )
        if export_to:
            projects.copy_to(opened.store, given.projects_dir, key, export_to)
            click.echo(f"copied to {export_to / key}")
        opened.store.housekeeping.begin_deletion(key, actor())
        projects.finish_deletion(opened.store, history, given.projects_dir, key)
    click.echo(f"{key}: deleted")
