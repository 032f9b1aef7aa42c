"""File trees: writing one, reading one, and the limits of both."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.errors import StorageError, TreeLimitError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.paths import check_collisions, check_path


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """What a tree may hold at most: path length in characters, sizes in bytes."""

    path_length: int = 200
    depth: int = 12
    files: int = 10_000
    file_bytes: int = 2_000_000
    tree_bytes: int = 100_000_000


def limits_of(settings: Settings) -> TreeLimits:
    """The limits that the settings ask for."""
    return TreeLimits(
        path_length=settings.max_path_length,
        depth=settings.max_path_depth,
        files=settings.max_files,
        file_bytes=settings.max_file_bytes,
        tree_bytes=settings.max_tree_bytes,
    )


def check_tree(files: Iterable[TreeFile], limits: TreeLimits) -> None:
    """Check every path and size of a tree before anything of it is written.

    Raises:
        PathError: a path is unsafe, or two of them collide.
        TreeLimitError: too many files, one too large, or too large together.
    """
    listed = list(files)
    if len(listed) > limits.files:
        raise TreeLimitError(
            f"the tree has {len(listed)} files, the limit is {limits.files} (HISHAMOS_MAX_FILES)"
        )
    for file in listed:
        check_path(file.path, max_length=limits.path_length, max_depth=limits.depth)
        if file.size > limits.file_bytes:
            raise TreeLimitError(
                f"{file.path} has {file.size} bytes, the limit is {limits.file_bytes} "
                "(HISHAMOS_MAX_FILE_BYTES)"
            )
    check_collisions(file.path for file in listed)
    total = sum(file.size for file in listed)
    if total > limits.tree_bytes:
        raise TreeLimitError(
            f"the tree has {total} bytes, the limit is {limits.tree_bytes} (HISHAMOS_MAX_TREE_BYTES)"
        )


def write_tree(root: Path, files: Iterable[TreeFile], texts: Mapping[str, str], limits: TreeLimits) -> None:
    """Write a checked tree into an empty or missing folder; texts are found by their SHA-256.

    Raises:
        PathError, TreeLimitError: see ``check_tree``; nothing has been written then.
        StorageError: disk full, read-only, or no permission.
    """
    listed = list(files)
    check_tree(listed, limits)
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        folders = {parent for file in listed for parent in Path(file.path).parents}
        for folder in sorted(root / path for path in folders):
            folder.mkdir(exist_ok=True)
            # Whatever this process's umask: a sandbox reads the tree as somebody else.
            folder.chmod(0o755)
        for file in listed:
            target = root / file.path
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            mode = 0o755 if file.executable else 0o644
            descriptor = os.open(target, flags, mode)
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(descriptor, mode)
                stream.write(texts[file.sha256].encode())


def tree_hash(files: Iterable[TreeFile]) -> str:
    """One hash over the paths, modes and contents of a tree."""
    return content_hash(sorted([file.path, file.sha256, file.executable] for file in files))


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of a full or read-only disk into ``StorageError`` with what to do."""
    try:
        yield
    except OSError as error:
        advice = {
            errno.ENOSPC: "the disk is full: free some space",
            errno.EDQUOT: "the disk quota is used up: free some space",
            errno.EROFS: "the file system is read-only: set HISHAMOS_HOME to a writable folder",
            errno.EACCES: "permission denied: set HISHAMOS_HOME to a writable folder",
            errno.EPERM: "not permitted: set HISHAMOS_HOME to a writable folder",
        }.get(error.errno or 0)
        if advice is None:
            raise
        raise StorageError(f"cannot write {error.filename or path}: {advice}") from error
