"""``hishamos export``: copy what has been delivered to a folder of one's own."""

import shutil
from pathlib import Path

import click

from hishamos_pipeline.cli.output import json_option, print_json, workshop
from hishamos_pipeline.core.documents import Archive
from hishamos_pipeline.errors import ArtifactMissingError

_ARCHIVES = {"zip": "zip_archive", "tar": "tar_archive"}


@click.command("export")
@click.argument("key")
@click.option(
    "--to",
    "kinds",
    multiple=True,
    type=click.Choice(["zip", "tar", "git"]),
    help="What to export; may be given several times. All there is by default.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder to write to; the current one by default.",
)
@json_option
def command(key: str, kinds: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Copy the repository and the archives of KEY, with their checksums.

    Only what is up to date and verified is exported; build the project first.
    """
    from hishamos_pipeline.workspace.tree import storage_errors

    with workshop() as opened:
        run = opened.project(key)
        state = opened.store.projects.get(key).state
        stale = [step.kind for step in run.plan()]
        if stale or state != "exported":
            open_steps = f", and {', '.join(stale)} would have to be made" if stale else ""
            raise ArtifactMissingError(
                f"project {key!r} is {state}{open_steps}: run `hishamos build {key}` first"
            )
        written: list[Path] = []
        with storage_errors(output):
            output.mkdir(parents=True, exist_ok=True)
            for kind in kinds or ("zip", "tar", "git"):
                if kind == "git":
                    written.append(_copy_repository(run.folder.path("repository"), output / key))
                    continue
                archive = run.read(_ARCHIVES[kind], Archive)
                if archive.wanted:
                    for name in (archive.path, f"{archive.path}.sha256"):
                        written.append(Path(shutil.copy2(run.folder.path(name), output / name)))
                elif kinds:
                    raise ArtifactMissingError(
                        f"the idea {key!r} does not ask for {kind}: add it to `exports` and build again"
                    )
    if as_json:
        print_json([str(path) for path in written])
    for path in () if as_json else written:
        click.echo(path)


def _copy_repository(repository: Path, target: Path) -> Path:
    if target.exists():
        raise click.UsageError(f"{target} exists already; choose another folder with --output")
    shutil.copytree(repository.resolve(), target, symlinks=True)
    return target
