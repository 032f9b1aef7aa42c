"""Toolchains by last use: each is made again when it is asked for."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate
from hishamos_pipeline.workspace import disk

_MADE = ("python-", "resolved-")
_LEFT = (".making-", ".pip-", ".gone-", ".resolved-")


def toolchains(folder: Path, before: datetime, grace: datetime) -> Iterator[RemovalCandidate]:
    """Toolchains that were not used since, and what killed installations left.

    Args:
        folder: where they are.
        before: those used later stay.
        grace: what is younger than that stays anyhow.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        used = disk.changed_at(path)
        old = path.name.startswith(_MADE) and path.suffix != ".lock" and used < min(before, grace)
        if old or (path.name.startswith(_LEFT) and used < grace):
            yield toolchain(path, used)
    if downloads := downloaded(folder, min(before, grace)):
        yield downloads[0]


def downloaded(folder: Path, before: datetime) -> tuple[RemovalCandidate, datetime] | None:
    """What pip has downloaded before a time and kept, with the time of the oldest; it downloads again what it lacks."""
    kept = folder / "pip-cache"
    old = {path: disk.changed_at(path) for path in kept.rglob("*") if path.is_file()}
    old = {path: at for path, at in old.items() if at < before}

    def remove() -> None:
        for path in old:
            path.unlink(missing_ok=True)
        for place, _, _ in os.walk(kept, topdown=False):
            with suppress(OSError):  # not empty
                Path(place).rmdir()

    if not old:
        return None
    return RemovalCandidate(kept.name, sum(map(disk.size_of, old)), remove, len(old)), min(old.values())


def toolchain(path: Path, used: datetime) -> RemovalCandidate:
    """A toolchain, to be removed unless it is used or made meanwhile."""

    def remove() -> None:
        try:
            with FileLock(f"{path}.lock", timeout=0):
                if disk.changed_at(path) <= used:
                    disk.remove(path)
        except Timeout:
            return
        Path(f"{path}.lock").unlink(missing_ok=True)

    return RemovalCandidate(path.name, disk.size_of(path), remove)
