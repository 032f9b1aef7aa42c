"""``hishamos build``: make what is stale of a project, with progress and a summary."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.ideas import submit_file
from hishamos_pipeline.cli.output import json_option, print_json, workshop
from hishamos_pipeline.cli.summary import print_summary, summary
from hishamos_pipeline.core.graph import topological
from hishamos_pipeline.core.secrets import mask
from hishamos_pipeline.errors import ProjectBusyError

if TYPE_CHECKING:
    from hishamos_pipeline.cli.launch import Progress
    from hishamos_pipeline.generation.project import ProjectRun


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
    with workshop() as opened:
        opened.check_models()
        _ = opened.sandbox  # what cannot be verified at the end is not begun, nor paid for
        key = submit_file(opened, Path(target)).key if _is_file(target) else target
        run = opened.project(key)
        with _one_build_at_a_time(run):
            kinds = _to_make(run)
            if not kinds:
                if not as_json:
                    click.echo(f"{key} is up to date: nothing to make")
            elif not _build(run, kinds, as_json):
                _report_failure(run, as_json)
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
    finished = run.store.projects.get(run.key).state == "exported"
    return [] if finished and not run.plan() else list(topological())


def _build(run: "ProjectRun", kinds: list[str], quiet: bool) -> bool:
    from hishamos_pipeline.cli.launch import RunEnded, run_build
    from hishamos_pipeline.jobs.home import prepare_dagster_home

    prepare_dagster_home(run.settings)
    succeeded = False
    with _progress(kinds, quiet) as show:
        for event in run_build(run.key, kinds):
            if isinstance(event, RunEnded):
                succeeded = event.succeeded
            else:
                show(event)
    return succeeded


def _report_failure(run: "ProjectRun", as_json: bool) -> None:
    project = run.store.projects.get(run.key)
    if as_json:
        print_json(summary(run))
    where = f" at {project.failed_step}" if project.failed_step else ""
    click.echo(f"{run.key} is {project.state}{where}: {project.reason}", err=True)
    waiting = len(run.store.edits.proposals(run.key))
    if waiting:
        differ = "an edit differs" if waiting == 1 else f"{waiting} edits differ"
        click.echo(f"{differ} from what is made now: hishamos proposals list {run.key}", err=True)


@contextmanager
def _one_build_at_a_time(run: "ProjectRun") -> Iterator[None]:
    """Hold the project's build lock; say so when another build has to end first."""
    lock = run.folder.lock("build", wait_seconds=0)
    try:
        lock.__enter__()
    except ProjectBusyError:
        click.echo(f"another build of {run.key} is running; waiting for it", err=True)
        lock = run.folder.lock("build", wait_seconds=run.settings.lock_seconds)
        lock.__enter__()
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def _progress(kinds: list[str], quiet: bool) -> Iterator[Callable[["Progress"], None]]:
    """A live table in a terminal, a line for each event elsewhere, nothing when quiet."""
    if quiet or not sys.stdout.isatty():

        def show(event: "Progress") -> None:
            if not quiet and event.status != "started":
                click.echo(f"{event.status:<12} {event.kind} {event.detail}".rstrip())

        logging.getLogger("hishamos.llm").setLevel(logging.WARNING if quiet else logging.INFO)
        yield show
        return
    from rich.console import Group
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    marks = {
        "made": "[green]✓[/]",
        "up to date": "[dim]=[/]",
        "failed": "[red]✗[/]",
        "skipped": "-",
        "check_failed": "[red]![/]",
    }
    lines: dict[str, Text | Spinner] = {kind: Text(f"  {kind}", style="dim") for kind in kinds}
    with Live(Group(*lines.values()), refresh_per_second=10) as live:

        def show_live(event: "Progress") -> None:
            if event.status == "started" and event.kind in lines:
                lines[event.kind] = Spinner("dots", text=event.kind)
            elif event.status in marks and event.kind in lines:
                line = Text.from_markup(f"{marks[event.status]} ")
                line.append(event.kind)
                if event.detail:
                    line.append(f"  {event.detail}", style="red")
                lines[event.kind] = line
            live.update(Group(*lines.values(), said))

        said = Text("", style="dim")
        with _listening(lambda message: setattr(said, "plain", f"  {message}")):
            yield show_live


@contextmanager
def _listening(show: Callable[[str], None]) -> Iterator[None]:
    """Show what models are doing, tokens so far included, in place of log lines."""

    class Line(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            show(mask(record.getMessage()))

    logger, handler = logging.getLogger("hishamos.llm"), Line()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
