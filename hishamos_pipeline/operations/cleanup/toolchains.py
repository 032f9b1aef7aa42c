"""Toolchains by last use: each is made again when it is asked for."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from hishamos_pipeline.operations.cleanup.leftovers import Leftover
from hishamos_pipeline.workspace import disk

_MADE = ("python-", "resolved-")
_LEFT = (".making-", ".pip-", ".gone-", ".resolved-")


def toolchains(folder: Path, before: datetime, grace: datetime) -> Iterator[Leftover]:
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
    downloads = downloaded(folder)
    if downloads and downloads[1] < min(before, grace):
        yield downloads[0]


def downloaded(folder: Path) -> tuple[Leftover, datetime] | None:
    """All that pip has kept of its downloads, and the time of the oldest; it downloads again what it needs again."""
    kept = folder / "pip-cache"
    times = [disk.changed_at(path) for path in kept.rglob("*") if path.is_file()]
    return (
        (Leftover(kept.name, disk.size_of(kept), partial(disk.remove, kept)), min(times)) if times else None
    )


def toolchain(path: Path, used: datetime) -> Leftover:
    """A toolchain, to be removed unless it is used or made meanwhile."""

    def remove() -> None:
        try:
            with FileLock(f"{path}.lock", timeout=0):
                if disk.changed_at(path) <= used:
                    disk.remove(path)
        except Timeout:
            return
        Path(f"{path}.lock").unlink(missing_ok=True)

    return Leftover(path.name, disk.size_of(path), remove)
