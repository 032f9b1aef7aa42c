"""``hishamos export``: archives and repositories to a folder of one's own, or to GitHub and GitLab."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hishamos_pipeline.cli.output import json_option, print_json, services
from hishamos_pipeline.core.actor import user
from hishamos_pipeline.core.graph import EXPORTS
from hishamos_pipeline.errors import ArtifactMissingError

if TYPE_CHECKING:
    from hishamos_pipeline.core.target import Target
    from hishamos_pipeline.generation.run import ProjectRun

HOSTS = ("github", "gitlab")
_ARCHIVES = ("zip", "tar")


@click.command("export")
@click.argument("key")
@click.option(
    "--to",
    "kinds",
    multiple=True,
    type=click.Choice([*_ARCHIVES, "git", *HOSTS]),
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
    kinds: tuple[str, ...],
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
    options = _options({name: value for name, value in given.items() if value is not None}, kinds)
    with services() as opened:
        run = opened.project(key)
        _require_delivered(run)
        if dry_run:
            planned = {kind: _planned(run, kind, options, output) for kind in _chosen(run, kinds)}
            _print(planned, as_json)
            return
        stale = {step.kind for step in run.plan()}
        chosen = _chosen(run, kinds)
        to_make = [
            kind
            for kind in chosen
            if kind in EXPORTS
            and (kind in HOSTS or not run.exports.asked().wants(kind) or EXPORTS[kind] in stale)
        ]
        for kind in to_make:
            run.project.store.export_requests.add(key, kind, options, user())
        if queue:
            waiting = ", ".join(to_make) or "nothing: it is there already"
            click.echo(
                f"requested {waiting}; the daemon picks it up, and `hishamos exports list {key}` shows it"
            )
            return
        succeeded = _run(run, [EXPORTS[kind] for kind in to_make], as_json) if to_make else True
        # What failed is stale still; the rest is handed out nevertheless.
        failed = {step.kind for step in run.plan()}
        there = [kind for kind in chosen if EXPORTS.get(kind) not in failed]
        copied = _copied(run, [kind for kind in there if kind not in HOSTS], output)
        published = [_published(run, kind) for kind in there if kind in HOSTS]
    if as_json:
        print_json({"files": [str(path) for path in copied], "published": published})
    else:
        for path in copied:
            click.echo(path)
        for facts in published:
            print_publication(facts)
    if not succeeded:
        raise click.exceptions.Exit(1)


def print_publication(facts: Mapping[str, Any]) -> None:
    """Where a project was published, for a person."""
    click.echo(f"{facts['done']} {facts['full_name']} on {facts['host']} ({facts['visibility']})")
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
            click.echo(f"  {name:<9} {value}")


def _options(given: Mapping[str, str], kinds: Sequence[str]) -> "Target":
    from pydantic import ValidationError

    from hishamos_pipeline.core.target import Target

    if given and not set(kinds) & set(HOSTS):
        raise click.UsageError(f"--{next(iter(given))} is for --to github or --to gitlab")
    try:
        return Target.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        raise click.UsageError(
            f"--{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"
        ) from error


def _require_delivered(run: "ProjectRun") -> None:
    """Make sure that the repository is there, and holds what the store has.

    Raises:
        ArtifactMissingError: it is not, or something before it would have to be made again.
    """
    state = run.project.store.projects.get(run.key).state
    stale = [step.kind for step in run.plan() if step.kind not in EXPORTS.values()]
    if stale or state in ("submitted", "building"):
        open_steps = f", and {', '.join(stale)} would have to be made" if stale else ""
        raise ArtifactMissingError(
            f"project {run.key!r} is {state}{open_steps}: run `hishamos build {run.key}` first"
        )


def _chosen(run: "ProjectRun", kinds: tuple[str, ...]) -> list[str]:
    return list(kinds) or [*(kind for kind in _ARCHIVES if run.exports.asked().wants(kind)), "git"]


def _planned(run: "ProjectRun", kind: str, options: "Target", output: Path) -> list[str]:
    """What exporting would do, found out without changing anything."""
    if kind not in HOSTS:
        target = output / (run.key if kind == "git" else _archive_name(run, kind))
        if kind == "git":
            _require_free(target)
        return [f"write {target}"]
    from hishamos_pipeline.delivery.publishing import publish
    from hishamos_pipeline.generation.producers.publications import publishing_of

    step = run.runner.context(EXPORTS[kind])
    job = publishing_of(step, kind, options=options, dry=True)  # type: ignore[arg-type]
    publish(job)
    return [*(job.steps or ["nothing: it is up to date"]), *(f"warning: {text}" for text in job.warnings)]


def _run(run: "ProjectRun", assets: list[str], as_json: bool) -> bool:
    from hishamos_pipeline.cli.running import one_run_at_a_time, report_failure, run_with_progress

    with one_run_at_a_time(run):
        succeeded = run_with_progress(run, assets, job="export_project", quiet=as_json)
        if not succeeded:
            report_failure(run)
    return succeeded


def _copied(run: "ProjectRun", kinds: Sequence[str], output: Path) -> list[Path]:
    from hishamos_pipeline.core.documents import Archive
    from hishamos_pipeline.generation.artifact_storage import repository_of
    from hishamos_pipeline.workspace.tree import storage_errors

    written: list[Path] = []
    with storage_errors(output):
        output.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            if kind == "git":
                written.append(_copy_repository(repository_of(run.project), output / run.key))
                continue
            archive = run.project.read(EXPORTS[kind], Archive)
            for name in (archive.path, f"{archive.path}.sha256"):
                written.append(Path(shutil.copy2(run.project.folder.path(name), output / name)))
    return written


def _archive_name(run: "ProjectRun", kind: str) -> str:
    return f"{run.key}.{'zip' if kind == 'zip' else 'tar.gz'}"


def _published(run: "ProjectRun", kind: str) -> dict[str, Any]:
    from hishamos_pipeline.core.target import Publication

    published: dict[str, Any] = run.project.read(EXPORTS[kind], Publication).model_dump()
    return published


def _print(planned: Mapping[str, list[str]], as_json: bool) -> None:
    if as_json:
        print_json(planned)
        return
    for kind, steps in planned.items():
        click.echo(f"{kind} would:")
        for step in steps:
            click.echo(f"  {step}")


def _require_free(target: Path) -> None:
    if target.exists():
        raise click.UsageError(f"{target} exists already; choose another folder with --output")


def _copy_repository(repository: Path, target: Path) -> Path:
    _require_free(target)
    shutil.copytree(repository.resolve(), target, symlinks=True)
    return target
