"""Folders of toolchains: each made in a place of its own and put where it belongs by one rename, then only read."""

import os
import shutil
import stat
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hishamos_pipeline.errors import ToolchainError
from hishamos_pipeline.workspace.tree import storage_errors

_STAGING = ".making-"


def made_once(folder: Path, make: Callable[[Path], None], *, wait_seconds: float) -> Path:
    """The folder, made by ``make`` in a staging folder if it is not there yet.

    Two processes that want the same one wait for each other; what a killed one left is removed.

    Raises:
        ToolchainError: another process did not finish in time.
        StorageError: disk full or read-only.
    """
    if folder.is_dir():
        with suppress(OSError):  # it may be somebody else's
            os.utime(folder)  # a cleanup removes what was not used for long
        if folder.is_dir():
            return folder
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{folder}.lock", timeout=wait_seconds):
            if folder.is_dir():
                return folder
            for left in folder.parent.glob(f"{_STAGING}{folder.name}-*"):
                shutil.rmtree(left, ignore_errors=True)
            staging = folder.with_name(f"{_STAGING}{folder.name}-{uuid.uuid4().hex[:8]}")
            try:
                with storage_errors(folder):
                    staging.mkdir(mode=0o755)
                    make(staging)
                    _read_only(staging)
                    staging.rename(folder)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            return folder
    except Timeout as error:
        raise ToolchainError(
            f"{folder.name} is being made by another process, and still was after {wait_seconds:g} s"
        ) from error


def _read_only(root: Path) -> None:
    """Everybody may read it, nobody write; folders stay removable by their owner."""
    for place, _, names in os.walk(root):
        Path(place).chmod(0o755)
        for name in names:
            path = Path(place) / name
            if not path.is_symlink():
                executable = path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o555 if executable else 0o444)
