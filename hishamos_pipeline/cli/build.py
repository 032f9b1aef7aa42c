"""``hishamos build``: make what is stale of a project, with progress and a summary."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from hishamos_pipeline.cli.ideas import submit_file, with_option
from hishamos_pipeline.cli.instance import warn_without_daemon
from hishamos_pipeline.cli.output import echo, json_option, opened, print_json
from hishamos_pipeline.cli.running import report_failure, run_with_progress, tell_to_wait
from hishamos_pipeline.cli.summary import print_summary
from hishamos_pipeline.settings import listed

if TYPE_CHECKING:
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.run import ProjectRun
    from hishamos_pipeline.generation.services import Services

# Delivered, but not all of it; see the exit codes of ``hishamos --help``.
PARTIAL = 8


class Submitted(NamedTuple):
    """How a brief is submitted before it is built: the options of ``with_option``."""

    handed: tuple[Path, ...]
    no_files: bool
    replace: bool


@click.command("build")
@click.argument("target", metavar="KEY|FILE")
@click.option("--replay", is_flag=True, help="Take models' answers from the store alone; a miss is an error.")
@click.option("--refresh", is_flag=True, help="Ask models again for all that is made.")
@click.option("--retry-deferred", is_flag=True, help="Try stories again that could not be verified.")
@click.option(
    "--stories",
    metavar="IDS",
    help="Build these stories, such as US-001,US-004; the others wait.",
)
@click.option("--sprint", type=click.IntRange(min=1), metavar="N", help="Build the stories of this sprint.")
@click.option("--strict", is_flag=True, help="End with 8 where anything is deferred, or checked by nobody.")
@click.option("--accept-partial", is_flag=True, help="End with 0 although stories could not be verified.")
@click.option("--queue", is_flag=True, help="Leave it to the daemon, which begins within seconds.")
@with_option
@json_option
def command(
    target: str,
    replay: bool,
    refresh: bool,
    retry_deferred: bool,
    stories: str | None,
    sprint: int | None,
    strict: bool,
    accept_partial: bool,
    queue: bool,
    handed: tuple[Path, ...],
    no_files: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Build the project KEY, or submit the brief in FILE and build that; FILE may be a folder or a ZIP.

    Only what is stale is made. While it runs, each asset is shown; at the end, figures and paths.

    With --stories or --sprint, only those stories are built, with what they depend on and what is verified already. The
    others wait: the next build adds them to what is there.

    The exit code is 8 where the project was delivered without stories that could not be verified; with --strict also
    where stories are deferred, or something of the brief is checked by nobody.
    """
    if (handed or no_files or replace) and not _is_file(target):
        raise click.UsageError("files are handed in with a brief: name its FILE, not the project's key")
    brief = Submitted(handed, no_files, replace)
    if sum((replay, refresh, queue)) > 1:
        raise click.UsageError("--replay, --refresh and --queue exclude one another")
    chosen = listed(stories or "")
    if stories is not None and not chosen:
        raise click.UsageError("--stories names no story: write ids, such as US-001,US-004")
    if replay or refresh:
        # The run reads its settings from the environment, as one of the daemon does.
        os.environ["HISHAMOS_LLM_CACHE"] = "replay" if replay else "refresh"
    if queue:
        wanted = {"stories": chosen, "sprint": sprint, "retry_deferred": retry_deferred}
        _request(target, brief, as_json, wanted)
        return
    if retry_deferred:
        os.environ["HISHAMOS_RETRY_DEFERRED"] = datetime.now(UTC).isoformat()
    from hishamos_pipeline.application import builds, projects

    with opened() as (services, actor):
        builds.prepare(services, actor, "" if _is_file(target) else target)
        key = _key(services, actor, target, brief, quiet=as_json)
        run = services.project(key)
        if projects.summary_of(run.project).state == "archived":
            echo(f"{key} was archived; this brings it back", err=True)
        with builds.one_build_at_a_time(run, tell_to_wait(key)):
            _set_scope(run, actor, chosen, sprint, as_json)
            kinds = builds.steps_to_make(run)
            if not kinds:
                if not as_json:
                    echo(f"{key} is up to date: nothing to make")
            elif not run_with_progress(run, kinds, actor, quiet=as_json):
                if as_json:
                    print_json(projects.summary_of(run.project))
                report_failure(run)
                raise click.exceptions.Exit(1)
        summary = projects.summary_of(run.project)
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)
        if summary.state == "submitted":
            echo(f"the brief was changed meanwhile: hishamos build {key} takes that up")
    doubtful = summary.deferred or summary.unchecked or summary.not_taken_up or summary.outdated_edits
    if (summary.not_verified and not accept_partial) or (strict and doubtful):
        raise click.exceptions.Exit(PARTIAL)


def _set_scope(
    run: "ProjectRun", actor: "Actor", stories: tuple[str, ...], sprint: int | None, as_json: bool
) -> None:
    """Set what the builds are about; the project is planned first where that takes it."""
    from hishamos_pipeline.application import builds, projects

    planning = builds.planning_to_do(run) if stories or sprint else []
    if planning and not run_with_progress(run, planning, actor, quiet=as_json):
        if as_json:
            print_json(projects.summary_of(run.project))
        report_failure(run)
        raise click.exceptions.Exit(1)
    builds.set_scope(run, stories=stories, sprint=sprint)


def _key(services: "Services", actor: "Actor", target: str, brief: Submitted, *, quiet: bool) -> str:
    """The project that is meant; a brief is submitted first."""
    if not _is_file(target):
        return target
    done = submit_file(
        services, actor, Path(target), brief.handed, no_files=brief.no_files, replace=brief.replace
    )
    for note in () if quiet else done.notes:
        echo(f"note         {note}")
    return done.key


def _request(target: str, brief: Submitted, as_json: bool, wanted: Mapping[str, object]) -> None:
    """Leave a build to the daemon."""
    from hishamos_pipeline.application import builds

    with opened() as (services, actor):
        key = _key(services, actor, target, brief, quiet=as_json)
        command = builds.RequestBuild.model_validate({"key": key, **wanted})
        made = builds.request(services, actor, command)
        if as_json:
            print_json(made)
        else:
            echo(f"requested build {made.id} of {key}; `hishamos builds list {key}` shows what becomes of it")
        warn_without_daemon(services)


def _is_file(target: str) -> bool:
    """A path, as opposed to a key: it exists, or could not be a key."""
    return Path(target).is_file() or target == "-" or os.sep in target or "." in target
