"""Exporting what was delivered: to a folder of one's own, and to Git hosts; asking for it and taking it back."""

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import Archive
from hishamos_pipeline.core.artifacts.target import HOSTS, Publication, Target
from hishamos_pipeline.core.pipeline.graph import ARCHIVES, EXPORTS
from hishamos_pipeline.errors import ArtifactMissingError, ExportError, ForbiddenError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.heartbeat import lives
from hishamos_pipeline.store.artifacts.repository import readable

if TYPE_CHECKING:
    from hishamos_pipeline.generation.export_policy import AskedExports
    from hishamos_pipeline.generation.run import ProjectRun


class ExportProject(UseCaseInput):
    """An export: where to, with which options for Git hosts; by default what the brief wants, and the repository."""

    key: str
    destinations: tuple[str, ...] = ()
    options: Target = Target()
    output: Path = Path()


class ExportPlan(View):
    """What an export has still to make, and what is handed out when that is done."""

    to_make: tuple[str, ...]
    chosen: tuple[str, ...]


class ExportedProject(View):
    """What was exported: files that were written, and publications."""

    files: tuple[str, ...]
    published: tuple[Publication, ...]


class ExportView(View):
    """An export of a project, or a standing request for one."""

    key: str
    to: str
    status: str
    at: str
    url: str
    detail: str


class ExportDetails(View):
    """One export: where it is, what it holds, and what did not work."""

    status: str
    url: str
    checksum: str
    error: str
    publication: dict[str, Any] | None = None


class ArchiveFile(View):
    """An archive of a project: where it is on this machine, its name, and its SHA-256."""

    path: Path
    name: str
    sha256: str


class Withdrawn(View):
    """How many requests stood, and whether the brief asks for the export still."""

    requests: int
    asked_by_brief: bool


def options_of(given: Mapping[str, str], destinations: Sequence[str]) -> Target:
    """Options of a publication as people write them.

    Raises:
        ExportError: an option is for no host that is exported to, or has no valid value; names it.
    """
    if given and not set(destinations) & set(HOSTS):
        raise ExportError(f"--{next(iter(given))} is for --to github or --to gitlab")
    try:
        return Target.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        what = first["msg"].removeprefix("Value error, ")
        raise ExportError(f"--{first['loc'][0]}: {what}") from error


@requires("projects.export", project="command.key")
def plan(services: Services, actor: Actor, command: ExportProject) -> ExportPlan:
    """What an export has still to make.

    Raises:
        ArtifactMissingError: the project is not delivered, or something before the export would have to be made again.
        ForbiddenError: an agent wants it to go where no person has said.
    """
    run = services.acting_as(actor).project(command.key)
    _refuse_targets_of_agents(run, actor, command)
    stale, asked = _require_delivered(run), run.exports.asked()
    chosen = _chosen(asked, command.destinations)
    to_make = tuple(
        destination
        for destination in chosen
        if destination in EXPORTS
        and (destination in HOSTS or not asked.wants(destination) or EXPORTS[destination] in stale)
    )
    return ExportPlan(to_make=to_make, chosen=chosen)


def _refuse_targets_of_agents(run: "ProjectRun", actor: Actor, command: ExportProject) -> None:
    """Where a project goes, who sees it there, with which secrets: people say that, in the brief or in a request."""
    if actor.kind != "agent":
        return
    asked = run.exports.asked()
    refused = [name for name in command.destinations if name in HOSTS and not asked.wants(name)]
    if refused or command.options != Target():
        what = f"nobody has asked for {refused[0]}" if refused else "options of an export are people's"
        raise ForbiddenError(f"{actor.label} may not do this: {what}")


@requires("projects.export", project="command.key")
def request(services: Services, actor: Actor, command: ExportProject) -> ExportPlan:
    """Ask for an export: it stands until it is withdrawn, and later builds keep it up to date.

    Raises:
        ArtifactMissingError: see ``plan``.
    """
    found = plan(services, actor, command)
    requests = services.acting_as(actor).store.export_requests
    for destination in found.to_make:
        requests.add(
            command.key, destination, command.options, actor.on_behalf_of or actor.name or actor.label
        )
    return found


@requires("projects.export", project="command.key")
def preview(services: Services, actor: Actor, command: ExportProject) -> dict[str, list[str]]:
    """What an export would do, step by step, found out without changing anything.

    Raises:
        ArtifactMissingError: see ``plan``.
        HostError: the host cannot be reached, or would refuse.
    """
    run = services.acting_as(actor).project(command.key)
    _refuse_targets_of_agents(run, actor, command)
    _require_delivered(run)
    return {
        destination: _steps(run, destination, command)
        for destination in _chosen(run.exports.asked(), command.destinations)
    }


@requires("projects.export", project="command.key")
def hand_out(
    services: Services, actor: Actor, command: ExportProject, chosen: Sequence[str]
) -> ExportedProject:
    """Copy what was made to the output folder, and tell where it was published; what has failed is left out.

    Raises:
        ExportError: the repository's folder exists already.
        StorageError: the disk refuses.
    """
    run = services.acting_as(actor).project(command.key)
    failed = {step.kind for step in run.plan()}
    there = [destination for destination in chosen if EXPORTS.get(destination) not in failed]
    files = _copied(run, [destination for destination in there if destination not in HOSTS], command.output)
    published = [
        run.project.read(EXPORTS[destination], Publication) for destination in there if destination in HOSTS
    ]
    return ExportedProject(files=tuple(map(str, files)), published=tuple(published))


@requires("projects.read", project="key")
def list_exports(services: Services, actor: Actor, key: str = "") -> list[ExportView]:
    """The exports of a project, or of all, and the requests that stand.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    store = services.acting_as(actor).store
    rows: list[ExportView] = []
    for name in [key] if key else [project.key for project in store.projects.all()]:
        for destination, request_ in store.export_requests.all_standing(name).items():
            options = request_.options if request_.options != "{}" else ""
            asked = f"asked for by {request_.requested_by} {options}".strip()
            rows.append(
                _row(name, destination, f"request {request_.status}", "", asked, request_.requested_at)
            )
        for export in store.deliveries.exports(name):
            details = json.loads(export.details or "{}")
            detail = export.error or details.get("change_url") or export.checksum[:12]
            at = export.completed_at or export.created_at
            rows.append(_row(name, export.type, export.status, export.url, detail, at))
    return rows


@requires("projects.read", project="key")
def show_export(services: Services, actor: Actor, key: str, destination: str) -> ExportDetails:
    """The newest export to a destination.

    Raises:
        ArtifactMissingError: the project was not exported to that.
    """
    found = [
        row for row in services.acting_as(actor).store.deliveries.exports(key) if row.type == destination
    ]
    if not found:
        raise ArtifactMissingError(
            f"{key!r} was not exported to {destination}: run `hishamos export {key} --to {destination}`"
        )
    details = json.loads(found[0].details) if found[0].details else None
    return ExportDetails.of(found[0], publication=details)


@requires("projects.read", project="key")
def archive_file(services: Services, actor: Actor, key: str, archive: str) -> ArchiveFile:
    """The ZIP or TAR archive of a project, where it is on this machine.

    Raises:
        ProjectNotFoundError: there is no such project.
        ArtifactMissingError: it was not exported to that, or the file is on another machine.
    """
    project = services.project_data(key)
    row = project.store.artifacts.head(key, EXPORTS[archive]) if archive in ARCHIVES else None
    found = readable(row, Archive) if row else None
    path = project.folder.path(found.path) if found and found.wanted else None
    if found is None or path is None or not path.is_file():
        raise ArtifactMissingError(f"{key!r} has no {archive} archive here: export it, or build it here")
    return ArchiveFile(path=path, name=path.name, sha256=found.sha256)


@requires("projects.export", project="key")
def withdraw(services: Services, actor: Actor, key: str, destination: str) -> Withdrawn:
    """Take back requests for an export; what the brief asks for stays, and so does what is published.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    store = services.acting_as(actor).store
    stood = store.export_requests.withdraw(key, destination)
    return Withdrawn(requests=stood, asked_by_brief=destination in store.projects.idea(key).exports)


@requires("projects.export", project="key")
def forget(services: Services, actor: Actor, key: str, destination: str) -> bool:
    """Forget where a project was published, so that the next export creates a repository anew; whether it was anywhere.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    return services.acting_as(actor).store.deliveries.forget_publication(key, destination)


def _require_delivered(run: "ProjectRun") -> set[str]:
    """The exports that a build would make now; all else has to be up to date."""
    store = run.project.store
    state = store.projects.get(run.key).state
    planned = [step.kind for step in run.plan()]
    stale = [artifact for artifact in planned if artifact not in EXPORTS.values()]
    if state == "building" and not lives(store.heartbeats.all(), run.key):
        state = "no longer being built, since its run has died" if stale else "exported"
    if stale or state in ("submitted", "building"):
        open_steps = f", and {', '.join(stale)} would have to be made" if stale else ""
        raise ArtifactMissingError(
            f"project {run.key!r} is {state}{open_steps}: run `hishamos build {run.key}` first"
        )
    return set(planned)


def _chosen(asked: "AskedExports", destinations: Sequence[str]) -> tuple[str, ...]:
    return tuple(destinations) or (
        *(destination for destination in ARCHIVES if asked.wants(destination)),
        "git",
    )


def _steps(run: "ProjectRun", destination: str, command: ExportProject) -> list[str]:
    from hishamos_pipeline.generation.producers.archives import archive_name

    if destination not in HOSTS:
        target = command.output / (run.key if destination == "git" else archive_name(run.key, destination))
        if destination == "git":
            _require_free(target)
        return [f"write {target}"]
    from hishamos_pipeline.delivery.publishing import publish
    from hishamos_pipeline.generation.producers.publications import publishing_of

    step = run.runner.context(EXPORTS[destination])
    job = publishing_of(step, destination, options=command.options, dry=True)
    publish(job)
    return [*(job.steps or ["nothing: it is up to date"]), *(f"warning: {text}" for text in job.warnings)]


def _copied(run: "ProjectRun", destinations: Sequence[str], output: Path) -> list[Path]:
    from hishamos_pipeline.generation.artifact_storage import repository_of
    from hishamos_pipeline.workspace.tree import storage_errors

    written: list[Path] = []
    with storage_errors(output):
        output.mkdir(parents=True, exist_ok=True)
        for destination in destinations:
            if destination == "git":
                written.append(_copy_repository(repository_of(run.project), output / run.key))
                continue
            archive = run.project.read(EXPORTS[destination], Archive)
            for name in (archive.path, f"{archive.path}.sha256"):
                written.append(Path(shutil.copy2(run.project.folder.path(name), output / name)))
    return written


def _copy_repository(repository: Path, target: Path) -> Path:
    _require_free(target)
    shutil.copytree(repository.resolve(), target, symlinks=True)
    return target


def _require_free(target: Path) -> None:
    if target.exists():
        raise ExportError(f"{target} exists already; choose another folder with --output")


def _row(key: str, destination: str, status: str, url: str, detail: str, at: datetime) -> ExportView:
    when = f"{at:%Y-%m-%d %H:%M} UTC"
    return ExportView(key=key, to=destination, status=status, at=when, url=url, detail=detail)
