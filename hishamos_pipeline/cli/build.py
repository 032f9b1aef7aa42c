"""``hishamos build``: make what is stale of a project, with progress and a summary."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.ideas import submit_file
from hishamos_pipeline.cli.output import json_option, print_json, services
from hishamos_pipeline.cli.running import one_run_at_a_time, report_failure, run_with_progress
from hishamos_pipeline.cli.summary import print_summary, summary
from hishamos_pipeline.core.graph import topological
from hishamos_pipeline.workspace.storage import open_storage

if TYPE_CHECKING:
    from hishamos_pipeline.generation.run import ProjectRun


@click.command("build")
@click.argument("target", metavar="KEY|FILE")
@click.option("--replay", is_flag=True, help="Take models' answers from the store alone; a miss is an error.")
@click.option("--refresh", is_flag=True, help="Ask models again for all that is made.")
@json_option
def command(target: str, replay: bool, refresh: bool, as_json: bool) -> None:
    """Build the project KEY, or submit the brief in FILE and build that.

    Only what is stale is made. While it runs, each asset is shown; at the end, figures and paths.
    """
    if replay and refresh:
        raise click.UsageError("--replay and --refresh exclude each other")
    if replay or refresh:
        # The run reads its settings from the environment, as one of the daemon does.
        os.environ["HISHAMOS_LLM_CACHE"] = "replay" if replay else "refresh"
    with services() as opened:
        opened.check_models()
        _ = opened.sandbox  # what cannot be verified at the end is not begun, nor paid for
        key = submit_file(opened, Path(target)).key if _is_file(target) else target
        run = opened.project(key)
        with one_run_at_a_time(run):
            kinds = _to_make(run)
            if not kinds:
                if not as_json:
                    click.echo(f"{key} is up to date: nothing to make")
            else:
                storage = open_storage(opened.settings)
                if storage:
                    storage.check()  # found out now rather than when all is made
                if not run_with_progress(run, kinds, quiet=as_json):
                    if as_json:
                        print_json(summary(run))
                    report_failure(run)
                    raise click.exceptions.Exit(1)
        if as_json:
            print_json(summary(run))
        else:
            print_summary(run)


def _is_file(target: str) -> bool:
    """A path, as opposed to a key: it exists, or could not be a key."""
    return Path(target).is_file() or target == "-" or os.sep in target or "." in target


def _to_make(run: "ProjectRun") -> list[str]:
    """Nothing, or the whole graph: what is up to date is found in no time, and its checks are asked again.

    A check that a killed run did not come to would otherwise never be asked.
    """
    finished = run.project.store.projects.get(run.key).state == "exported"
    return [] if finished and not run.plan() else list(topological())
