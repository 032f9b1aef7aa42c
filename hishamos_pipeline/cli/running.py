"""Running a job of a project from the command line: one at a time, with progress, and with its reason when it fails."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hishamos_pipeline.cli.output import echo
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.text.untrusted import terminal_text

if TYPE_CHECKING:
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.run import ProjectRun
    from hishamos_pipeline.runs.in_process import Progress

# What takes long tells meanwhile what it does.
_TELLING = ("hishamos.llm", "hishamos.verification")


def run_with_progress(
    run: "ProjectRun", kinds: Sequence[str], actor: "Actor", *, job: str = "build_project", quiet: bool
) -> bool:
    """Run a job of a project in this process, and show what happens; whether it succeeded.

    Args:
        run: the project.
        kinds: the assets to materialize.
        actor: whoever wants it.
        job: the job that they belong to.
        quiet: show nothing.
    """
    from hishamos_pipeline.resources.dagster_home import prepare_dagster_home
    from hishamos_pipeline.runs.in_process import RunEnded, run_job

    prepare_dagster_home(run.project.settings)
    succeeded = False
    with _progress(kinds, quiet) as show:
        for event in run_job(run.key, kinds, job, actor.responsible):
            if isinstance(event, RunEnded):
                succeeded = event.succeeded
            else:
                show(event)
    return succeeded


def report_failure(run: "ProjectRun") -> None:
    """Say at which step a project got stuck, and why."""
    project = run.project.store.projects.get(run.key)
    if not project.reason:
        echo(f"{run.key} is {project.state}, and the run has failed for the reason above", err=True)
        return
    where = f" at {project.failed_step}" if project.failed_step else ""
    echo(f"{run.key} is {project.state}{where}: {project.reason}", err=True)
    waiting = len(run.project.store.edits.proposals(run.key))
    if waiting:
        differ = "an edit differs" if waiting == 1 else f"{waiting} edits differ"
        echo(f"{differ} from what is made now: hishamos proposals list {run.key}", err=True)


def tell_to_wait(key: str) -> Callable[[], None]:
    """What is said when another build has to end first."""
    return lambda: echo(f"another build of {key} is running; waiting for it", err=True)


@contextmanager
def _progress(kinds: Sequence[str], quiet: bool) -> Iterator[Callable[["Progress"], None]]:
    """A live table in a terminal, a line for each event elsewhere, nothing when quiet."""
    if quiet or not sys.stdout.isatty():

        def show(event: "Progress") -> None:
            if not quiet and event.status not in ("started", "not asked for"):
                echo(f"{event.status:<12} {event.kind} {event.detail}".rstrip())

        for name in _TELLING:
            logging.getLogger(name).setLevel(logging.WARNING if quiet else logging.INFO)
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
        "not asked for": "-",
        "check_failed": "[red]![/]",
    }
    lines: dict[str, Text | Spinner] = {artifact: Text(f"  {artifact}", style="dim") for artifact in kinds}
    with Live(Group(*lines.values()), refresh_per_second=10) as live:

        def show_live(event: "Progress") -> None:
            if event.status == "started" and event.kind in lines:
                lines[event.kind] = Spinner("dots", text=event.kind)
            elif event.status in marks and event.kind in lines:
                line = Text.from_markup(f"{marks[event.status]} ")
                line.append(event.kind)
                if event.detail:
                    line.append(f"  {terminal_text(event.detail)}", style="red")
                lines[event.kind] = line
            live.update(Group(*lines.values(), said))

        said = Text("", style="dim")
        with _listening(lambda message: setattr(said, "plain", f"  {terminal_text(message)}")):
            yield show_live


@contextmanager
def _listening(show: Callable[[str], None]) -> Iterator[None]:
    """Show what models and checks are doing, tokens so far included, in place of log lines."""

    class Line(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            show(mask(record.getMessage()))

    loggers, handler = [logging.getLogger(name) for name in _TELLING], Line()
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
