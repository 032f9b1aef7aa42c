"""A project's folder: staging, and publishing by one atomic rename.

::

    projects/KEY/
        tree -> versions/tree-<id>            the newest verified or failed tree
        repository -> versions/repository-<id>
        KEY.zip, KEY.tar.gz                   archives beside their .sha256
        versions/                             published folders; the links point into it
        staging/KIND                          work in progress on an artifact
        damaged/                              published folders that were not whole any more
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hishamos_pipeline.core.text.ids import check_key
from hishamos_pipeline.errors import ProjectBusyError
from hishamos_pipeline.workspace.disk import replacing
from hishamos_pipeline.workspace.tree import storage_errors


class ProjectFolder:
    """Where the files of one project are.

    Args:
        projects_dir: the folder of all projects.
        key: the project's key.

    Raises:
        ProjectKeyError: the key breaks the slug rule, so that it cannot lead out of the folder.
    """

    def __init__(self, projects_dir: Path, key: str) -> None:
        self.key = check_key(key)
        self.root = projects_dir / key

    def path(self, name: str) -> Path:
        """A published folder or file."""
        return self.root / name

    @contextmanager
    def staging(self, kind: str) -> Iterator[Path]:
        """An empty folder to make an artifact in, removed at the end; hold the artifact's lock.

        What a crash left there the last time is removed first.
        """
        folder = self.root / "staging" / kind
        with storage_errors(self.root):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish_folder(self, name: str, staged: Path, version: str) -> Path:
        """Make a staged folder the published one.

        The folder moves to ``versions/`` and then one rename of a symbolic link switches to it, so that
        readers see the old folder or the new one, never a mix. Older versions are removed afterwards.

        Returns:
            The published path, ``<root>/<name>``.

        Raises:
            StorageError: the disk is full or not writable.
        """
        versions = self.root / "versions"
        link = self.root / name
        with storage_errors(link):
            versions.mkdir(parents=True, exist_ok=True)
            target = versions / f"{name}-{version[:16]}-{uuid.uuid4().hex[:8]}"
            staged.rename(target)
            with replacing(link) as fresh:
                fresh.symlink_to(os.path.relpath(target, self.root))
        for old in versions.glob(f"{name}-*"):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)
        return link

    def set_aside(self, name: str) -> Path:
        """Move a published folder out of the way, for people to look at; where it is now.

        Raises:
            StorageError: the disk refuses.
        """
        link, aside = self.root / name, self.root / "damaged" / f"{name}-{uuid.uuid4().hex[:8]}"
        with storage_errors(aside):
            aside.parent.mkdir(parents=True, exist_ok=True)
            link.resolve().rename(aside)
            link.unlink(missing_ok=True)
        return aside

    def holds(self, name: str, version: str) -> bool:
        """Whether the published folder is of this version; another machine may have published a newer one meanwhile."""
        link = self.root / name
        if not link.is_dir():
            return False
        return not link.is_symlink() or link.readlink().name.startswith(f"{name}-{version[:16]}-")

    def publish_file(self, name: str, staged: Path) -> Path:
        """Make a staged file the published one, by one rename."""
        target = self.root / name
        with storage_errors(target):
            staged.replace(target)
        return target

    @contextmanager
    def lock(self, name: str, *, wait_seconds: float) -> Iterator[None]:
        """Hold an exclusive lock; the system frees it when the process dies.

        Args:
            name: what is locked, such as an artifact's kind.
            wait_seconds: how long to wait for another holder.

        Raises:
            ProjectBusyError: another process still holds it after that time.
        """
        from filelock import FileLock, Timeout

        folder = self.root / "locks"
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock", timeout=wait_seconds, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise ProjectBusyError(
                f"{name} of project {self.key!r} is being made by another process, and still was after "
                f"{wait_seconds:g} s (HISHAMOS_LOCK_SECONDS); wait for it, or stop it"
            ) from error
        try:
            yield
        finally:
            lock.release()
