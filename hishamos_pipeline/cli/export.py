"""``hishamos export``: archives and repositories to a folder of one's own, or to GitHub and GitLab."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json
from hishamos_pipeline.core.artifacts.target import HOSTS
from hishamos_pipeline.core.pipeline.graph import EXPORTS

if TYPE_CHECKING:
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.run import ProjectRun


@click.command("export")
@click.argument("key")
@click.option(
    "--to",
    "destinations",
    multiple=True,
    type=click.Choice(["zip", "tar", "git", *HOSTS]),
    help="Where to; may be given several times. By default the repository and the archives that there are.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder for archives and repositories; the current one by default.",
)
@click.option("--host", help="Name of a Git host in HISHAMOS_GIT_HOSTS, other than github.com or gitlab.com.")
@click.option("--owner", help="User, organization or group; the token's own user by default.")
@click.option("--name", help="Name of the repository; the project's key by default.")
@click.option("--visibility", type=click.Choice(["private", "internal", "public"]))
@click.option(
    "--conflict", type=click.Choice(["fail", "reuse", "rename"]), help="What to do if the name is taken."
)
@click.option("--publish", type=click.Choice(["push", "pull_request"]), help="How changes get there.")
@click.option("--dry-run", is_flag=True, help="Look, print what would be done, and change nothing.")
@click.option("--queue", is_flag=True, help="Leave it to the daemon.")
@json_option
def command(
    key: str,
    destinations: tuple[str, ...],
    output: Path,
    dry_run: bool,
    queue: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Copy the repository and archives of KEY to a folder, or publish it on GitHub or GitLab.

    Only what is verified is exported; build the project first. An export stands: later builds keep it up to date
    until `hishamos exports withdraw`.
    """
    if dry_run and queue:
        raise click.UsageError("--dry-run and --queue exclude each other")
    if queue and output != Path():
        raise click.UsageError("--queue leaves the work to the daemon, which writes to no --output")
    from hishamos_pipeline.application import exports

    options = exports.options_of(
        {name: value for name, value in given.items() if value is not None}, destinations
    )
    wanted = exports.ExportProject(key=key, destinations=destinations, options=options, output=output)
    with opened() as (services, actor):
        if dry_run:
            _print_steps(exports.preview(services, actor, wanted), as_json)
            return
        found = exports.request(services, actor, wanted)
        if queue:
            waiting = ", ".join(found.to_make) or "nothing: it is there already"
            echo(f"requested {waiting}; the daemon picks it up, and `hishamos exports list {key}` shows it")
            return
        assets = [EXPORTS[kind] for kind in found.to_make]
        succeeded = _run(services.project(key), assets, actor, as_json) if assets else True
        # What failed is stale still; the rest is handed out nevertheless.
        done = exports.hand_out(services, actor, wanted, found.chosen)
    if as_json:
        print_json(done)
    else:
        for path in done.files:
            echo(path)
        for publication in done.published:
            print_publication(publication.model_dump())
    if not succeeded:
        raise click.exceptions.Exit(1)


def print_publication(facts: Mapping[str, Any]) -> None:
    """Where a project was published, for a person."""
    echo(f"{facts['done']} {facts['full_name']} on {facts['host']} ({facts['visibility']})")
    rows = (
        ("url", facts["web_url"]),
        ("clone", facts["clone_url"]),
        ("commit", f"{facts['commit']} on {facts['branch']}"),
        ("proposed", facts["change_url"]),
        ("released", facts["release_url"]),
        *(("warning", text) for text in facts["warnings"]),
    )
    for name, value in rows:
        if value:
            echo(f"  {name:<9} {value}")


def _run(run: "ProjectRun", assets: Sequence[str], actor: "Actor", as_json: bool) -> bool:
    from hishamos_pipeline.application.builds import one_build_at_a_time
    from hishamos_pipeline.cli.running import report_failure, run_with_progress, tell_to_wait

    with one_build_at_a_time(run, tell_to_wait(run.key)):
        succeeded = run_with_progress(run, assets, actor, job="export_project", quiet=as_json)
        if not succeeded:
            report_failure(run)
    return succeeded


def _print_steps(planned: Mapping[str, list[str]], as_json: bool) -> None:
    if as_json:
        print_json(planned)
        return
    for kind, steps in planned.items():
        echo(f"{kind} would:")
        for step in steps:
            echo(f"  {step}")
