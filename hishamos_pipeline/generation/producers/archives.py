"""ZIP and TAR.GZ of the repository."""

import asyncio
from pathlib import Path
from typing import Literal

from hishamos_pipeline.core.artifacts.documents import Architecture, Archive
from hishamos_pipeline.delivery import archives
from hishamos_pipeline.generation.artifact_storage import keep_archive, repository_of
from hishamos_pipeline.generation.context import DeliveryContext
from hishamos_pipeline.generation.producers.exporting import recorded

_SUFFIXES = {"zip": "zip", "tar": "tar.gz"}


async def write_zip(step: DeliveryContext) -> Archive:
    """Write the ZIP archive of the repository's head, if it is asked for.

    Raises:
        StorageError: disk full or read-only.
    """
    return await _write(step, "zip")


async def write_tar(step: DeliveryContext) -> Archive:
    """Write the TAR.GZ archive; see ``write_zip``."""
    return await _write(step, "tar")


def archive_name(key: str, export: str) -> str:
    """The name of a project's archive; ``export`` is ``zip`` or ``tar``."""
    return f"{key}.{_SUFFIXES[export]}"


async def _write(step: DeliveryContext, export: Literal["zip", "tar"]) -> Archive:
    if not step.wants(export):
        return Archive(wanted=False)
    return await asyncio.to_thread(recorded, step, export, lambda: _write_archive(step, export))


def _write_archive(step: DeliveryContext, export: Literal["zip", "tar"]) -> Archive:
    architecture, folder = step.read("architecture", Architecture), step.folder
    name = archive_name(step.key, export)
    write = archives.write_zip if export == "zip" else archives.write_tar
    with folder.staging(f"{export}_archive") as staging:
        staged = staging / name
        written = write(repository_of(step), staged, architecture.distribution)
        keep_archive(step.storage, folder, staged)
        folder.publish_file(f"{name}.sha256", Path(f"{staged}.sha256"))
        path = folder.publish_file(name, staged)
    url = step.storage.object_url(step.key, written.sha256, name) if step.storage else path.as_uri()
    step.deliveries.complete_export(step.key, export, url=url, checksum=written.sha256)
    return Archive(
        wanted=True,
        path=name,
        sha256=written.sha256,
        size=written.size,
        files=written.files,
        commit=written.commit,
    )
