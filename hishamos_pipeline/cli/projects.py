"""``hishamos projects``: list projects, or show one."""

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, workshop
from hishamos_pipeline.cli.summary import print_summary, summary


@click.group("projects")
def command() -> None:
    """List projects, or show one."""


@command.command("list")
@json_option
def list_projects(as_json: bool) -> None:
    """List all projects with their states."""
    with workshop() as opened:
        rows = opened.store.projects.all()
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


@command.command("show")
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show a project: state, figures, stories, checks and paths."""
    from hishamos_pipeline.core.documents import VerifiedBuild

    with workshop() as opened:
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
