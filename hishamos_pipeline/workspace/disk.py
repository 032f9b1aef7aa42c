"""Sizes and ages on disk, and removing whole folders so that nobody ever sees half of one."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

_GONE = ".gone-"


def size_of(path: Path) -> int:
    """All bytes of a file or folder; links count as nothing."""
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
    total = 0
    for place, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - many files, often
    return total


def changed_at(path: Path) -> datetime:
    """When a file or folder itself was last changed; now, if it is gone meanwhile."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except OSError:
        return datetime.now(UTC)


def newest_change(path: Path) -> datetime:
    """When anything in a folder was last changed, itself included; links count as they are, not what they lead to."""
    places = [
        path,
        *(Path(place) / name for place, folders, names in os.walk(path) for name in (*folders, *names)),
    ]
    return max(map(changed_at, places))


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside the target, for what is to take its place; readers see the old or the new, never a part.

    If the block fails, the target stays as it was, and nothing is left beside it.
    """
    aside = target.with_name(
        f".new-{uuid.uuid4().hex[:16]}"
    )  # the longest name there may be would grow too long
    try:
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file or folder; a folder is renamed first, so that it is there whole or not at all.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    aside = path if path.name.startswith(_GONE) else path.with_name(f"{_GONE}{uuid.uuid4().hex[:12]}")
    with suppress(FileNotFoundError):
        if aside != path:
            path.rename(aside)
        shutil.rmtree(aside)


def is_going(path: Path) -> bool:
    """Whether a removal of it was begun, and interrupted."""
    return path.name.startswith(_GONE)
