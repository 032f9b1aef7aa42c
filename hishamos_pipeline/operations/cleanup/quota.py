"""The quota of the disk: what can be made again goes first, that which was not used longest before the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate
from hishamos_pipeline.operations.cleanup.files import archives_of, folders
from hishamos_pipeline.operations.cleanup.toolchains import downloaded, toolchain
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace import disk


@dataclass(frozen=True, slots=True)
class Evictable:
    """Something that can be made again, and when it was last used."""

    candidate: RemovalCandidate
    used_at: datetime


def evicted(evictable: Sequence[Evictable], used: int, quota: int, grace: datetime) -> list[RemovalCandidate]:
    """What has to go so that the rest fits, the longest unused first; nothing that is younger than the grace time.

    Args:
        evictable: what may go.
        used: bytes that are used in all.
        quota: bytes that may be used.
        grace: what was used later stays.
    """
    going = []
    for item in sorted(evictable, key=lambda item: (item.used_at, item.candidate.name)):
        if used <= quota:
            break
        if item.used_at < grace:
            going.append(item.candidate)
            used -= item.candidate.bytes
    return going


def over_quota(
    store: ProjectStore, projects_dir: Path, toolchains_dir: Path, quota: int, grace: datetime
) -> Iterator[RemovalCandidate]:
    """Archives, toolchains and downloads that have to go; trees and repositories of projects never do."""
    touched = {project.key: project.updated_at for project in store.projects.all()}
    evictable = [
        Evictable(
            RemovalCandidate(f"{folder.key}/{path.name}", disk.size_of(path), partial(disk.remove, path)),
            touched[folder.key],
        )
        for folder in folders(projects_dir)
        if folder.key in touched
        for path in archives_of(projects_dir, folder.key)
    ]
    for path in sorted(toolchains_dir.glob("python-*")) if toolchains_dir.is_dir() else ():
        if path.is_dir():
            used_at = disk.changed_at(path)
            evictable.append(Evictable(toolchain(path, used_at), used_at))
    if downloads := downloaded(toolchains_dir, grace):
        evictable.append(Evictable(*downloads))
    used = disk.size_of(projects_dir) + disk.size_of(toolchains_dir)
    yield from evicted(evictable, used, quota, grace)
