"""ZIP and TAR.GZ of the repository."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization
from hishamos_pipeline.core.artifacts.documents import Archive
from hishamos_pipeline.core.text.hashing import file_sha256
from hishamos_pipeline.delivery.archives import differences
from hishamos_pipeline.generation.artifact_storage import repository_of
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"file"})
def zip_archive(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """A reproducible ZIP archive of the repository with its checksum."""
    return _materialized(project, made)


@project_asset(kinds={"file"})
def tar_archive(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """A reproducible TAR.GZ archive of the repository with its checksum."""
    return _materialized(project, made)


@project_check(artifact="zip_archive", fix="Delete the archive and materialize it again.")
def zip_holds_the_repository(project: Project) -> list[str]:
    """The archive opens, its checksum is right, and it holds exactly what the repository's head holds."""
    return _problems(project, project.read("zip_archive", Archive))


@project_check(artifact="tar_archive", fix="Delete the archive and materialize it again.")
def tar_holds_the_repository(project: Project) -> list[str]:
    """The archive opens, its checksum is right, and it holds exactly what the repository's head holds."""
    return _problems(project, project.read("tar_archive", Archive))


def _materialized(project: Project, made: StepResult[Archive]) -> dg.MaterializeResult[Any]:
    archive = made.document
    if not archive.wanted:
        return materialization(
            made,
            preview="Neither the idea nor a request asks for it.",
            figures={"bytes": 0, "files": 0},
            asked_for=False,
        )
    return materialization(
        made,
        preview=f"`{archive.path}`, SHA-256 `{archive.sha256}`, of commit `{archive.commit}`",
        figures={"bytes": archive.size, "files": archive.files},
        location=project.folder.path(archive.path),
    )


def _problems(project: Project, archive: Archive) -> list[str]:
    if not archive.wanted:
        return []
    path = project.folder.path(archive.path)
    if file_sha256(path) != archive.sha256:
        return [f"{archive.path}: its bytes do not have the recorded checksum"]
    return differences(path, repository_of(project))
