"""A project's folder: staging, and publishing by one atomic rename.

::

    projects/KEY/
        tree -> versions/tree-<id>            the newest verified or failed tree
        repository -> versions/repository-<id>
        KEY.zip, KEY.tar.gz                   archives beside their .sha256
        versions/                             published folders; the links point into it
        staging/KIND                          work in progress on an artifact
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hishamos_pipeline.core.ids import check_key
from hishamos_pipeline.errors import ProjectBusyError
from hishamos_pipeline.workspace.storage import Storage
from hishamos_pipeline.workspace.tree import storage_errors


class ProjectFolder:
    """Where the files of one project are.

    Args:
        projects_dir: the folder of all projects.
        key: the project's key.
        storage: where what is published is kept besides.

    Raises:
        ProjectKeyError: the key breaks the slug rule, so that it cannot lead out of the folder.
    """

    def __init__(self, projects_dir: Path, key: str, storage: Storage | None = None) -> None:
        self.key = check_key(key)
        self.root = projects_dir / key
        self.storage = storage

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
            StorageError: the disk is full or not writable, or the storage refuses.
        """
        if self.storage:
            self.storage.publish(self.key, name, staged, version)
        return self._place_folder(name, staged, version)

    def restore(self, name: str) -> bool:
        """Bring a published folder or file back from the storage if it is not here; whether it is here now.

        Raises:
            StorageError: the storage cannot be reached, or what it holds is damaged.
        """
        if (self.root / name).exists() or self.storage is None:
            return (self.root / name).exists()
        with self.staging(f"restore-{uuid.uuid4().hex[:8]}") as staging:
            fetched = staging / name
            manifest = self.storage.fetch(self.key, name, fetched)
            if manifest is None:
                return False
            if manifest.single:
                fetched.replace(self.root / name)
            else:
                self._place_folder(name, fetched, manifest.version)
        return True

    def _place_folder(self, name: str, staged: Path, version: str) -> Path:
        versions = self.root / "versions"
        link = self.root / name
        with storage_errors(link):
            versions.mkdir(parents=True, exist_ok=True)
            target = versions / f"{name}-{version[:16]}-{uuid.uuid4().hex[:8]}"
            staged.rename(target)
            fresh = self.root / f".{name}-{uuid.uuid4().hex}"
            fresh.symlink_to(os.path.relpath(target, self.root))
            fresh.replace(link)
        for old in versions.glob(f"{name}-*"):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)
        return link

    def publish_file(self, name: str, staged: Path) -> Path:
        """Make a staged file the published one, by one rename."""
        if self.storage:
            self.storage.publish(self.key, name, staged, "")
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
