"""Bringing published files back to this machine: what another machine has made, or what was lost here."""

from dataclasses import dataclass

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.generation.artifact_storage import restore
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.store.artifacts.repository import decoded


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
