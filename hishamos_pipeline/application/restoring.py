"""Bringing published files back to this machine: what another machine has made, or what was lost or damaged here."""

from dataclasses import dataclass, replace
from pathlib import Path

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.generation.artifact_storage import damage, published_as, restore
from hishamos_pipeline.generation.integrity import damages
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import decoded


class Damage(View):
    """What is wrong with an artifact, what became of it, and where its damaged files are now.

    ``mended`` says that it is whole again; otherwise the next build makes it.
    """

    project: str
    artifact: str
    problem: str
    mended: bool = False
    kept_as: str = ""


@dataclass(frozen=True, slots=True)
class RestoredFiles:
    """Which artifacts' files are here again, and which could not be brought back: a build makes those again."""

    restored: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def restore_files(run: ProjectRun) -> RestoredFiles:
    """Bring back all files of a project's newest artifacts that are not on this machine.

    Raises:
        StorageError: the storage cannot be reached.
        ProjectBusyError: somebody else is at it, and still was after HISHAMOS_LOCK_SECONDS.
    """
    project = run.project
    found: list[str] = []
    lost: list[str] = []
    for row in run.staleness.restorable():
        document = decoded(row, STEPS[row.kind].document)
        with project.folder.lock(row.kind, wait_seconds=project.settings.lock_seconds):
            there = restore(project, document)
        (found if there else lost).append(row.kind)
    return RestoredFiles(tuple(found), tuple(lost))


@requires("installation.operate")
def repair(services: Services, actor: Actor, key: str = "") -> list[Damage]:
    """Look at every byte of a project, or of all; put damaged files aside, and bring back what the store still has.

    Args:
        services: the services.
        actor: whoever asks.
        key: the project; empty for all.

    Raises:
        ProjectNotFoundError: there is no such project.
        ProjectBusyError: it is being built.
        StorageError: the disk refuses, or the storage cannot be reached.
    """
    found = []
    everywhere = services.acting_as(replace(actor, organization=EVERY_ORGANIZATION))
    for run, row, said in damages(everywhere, key):
        with run.project.folder.lock("build", wait_seconds=0):
            aside, mended = _mend(run, row)
        found.append(
            Damage(project=run.key, artifact=row.kind, problem=said, mended=mended, kept_as=str(aside or ""))
        )
    return found


def _mend(run: ProjectRun, row: ArtifactRevision) -> tuple[Path | None, bool]:
    """Where the damaged files are now, and whether whole ones are in their place."""
    project = run.project
    try:
        document = decoded(row, STEPS[row.kind].document)
    except HishamosError:
        return None, False
    with project.folder.lock(row.kind, wait_seconds=project.settings.lock_seconds):
        newest = project.store.artifacts.head(run.key, row.kind)
        if newest is None or newest.id != row.id or not damage(project, document):
            return None, True  # made again meanwhile
        name = published_as(document)
        aside = project.folder.set_aside(name) if project.folder.path(name).exists() else None
        return aside, restore(project, document) and not damage(project, document)
