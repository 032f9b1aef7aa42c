"""Projects on their way out: archived when idle, deleted in an order that can be interrupted anywhere."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from hishamos_pipeline.core.artifacts.documents import RepositoryRecord
from hishamos_pipeline.core.artifacts.target import HOSTS
from hishamos_pipeline.errors import DeletionRefusedError, ProjectBusyError, StorageError
from hishamos_pipeline.generation.artifact_storage import BUNDLE
from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate
from hishamos_pipeline.operations.cleanup.files import archives_of
from hishamos_pipeline.operations.cleanup.runs import RunHistory
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace import disk
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.storage import Storage
from hishamos_pipeline.workspace.tree import storage_errors


def idle(store: ProjectStore, history: RunHistory, before: datetime) -> Iterator[RemovalCandidate]:
    """Projects that nothing has happened to since: they are archived, which removes nothing."""
    for key in store.projects.keys_in(("verified", "exported", "failed", "blocked"), before):
        yield RemovalCandidate(key, 0, partial(archive, store, history, key))


def archive(store: ProjectStore, history: RunHistory, key: str) -> None:
    """Take a project out of work: nothing builds or exports it unless somebody asks for it.

    Raises:
        ProjectNotFoundError: there is no such project.
        ProjectBusyError: it is being built.
    """
    _require_idle(store, history, key)
    store.projects.set_state(key, "archived")


def archived(
    store: ProjectStore, history: RunHistory, storage: Storage | None, projects_dir: Path, before: datetime
) -> Iterator[RemovalCandidate]:
    """Archived projects whose time is over; one that is kept nowhere else is named, and stays."""
    for key in store.projects.keys_in(("archived",), before):
        going = partial(_delete, store, history, storage, projects_dir, key)
        yield RemovalCandidate(key, disk.size_of(projects_dir / key), going)


def _delete(
    store: ProjectStore, history: RunHistory, storage: Storage | None, projects_dir: Path, key: str
) -> None:
    require_deletable(store, history, storage, key)
    store.housekeeping.begin_deletion(key, "cleanup")
    finish_deletion(store, history, projects_dir, key)


def deletions(store: ProjectStore, history: RunHistory, projects_dir: Path) -> Iterator[RemovalCandidate]:
    """Deletions that were interrupted."""
    for row in store.housekeeping.deletions():
        yield RemovalCandidate(
            row.key,
            disk.size_of(projects_dir / row.key),
            partial(finish_deletion, store, history, projects_dir, row.key),
        )


def require_deletable(
    store: ProjectStore,
    history: RunHistory,
    storage: Storage | None,
    key: str,
    *,
    without_export: bool = False,
) -> None:
    """Refuse to delete what is in work, what is not archived, and what would be lost for good.

    Args:
        store: the project store.
        history: Dagster's runs.
        storage: where published files are kept besides.
        key: the project.
        without_export: whether it may go although it is kept nowhere else.

    Raises:
        ProjectNotFoundError: there is no such project.
        ProjectBusyError: it is being built.
        DeletionRefusedError: says what to do first.
    """
    _require_idle(store, history, key)
    if store.projects.get(key).state != "archived":
        raise DeletionRefusedError(f"{key} is not archived: run `hishamos projects archive {key}` first")
    if not without_export and _is_worth_keeping(store, key) and not _is_kept(store, storage, key):
        raise DeletionRefusedError(
            f"{key} has no other copy: copy it with --export-to FOLDER, or say --without-export"
        )


def copy_to(store: ProjectStore, projects_dir: Path, key: str, target: Path) -> None:
    """Copy the repository and the archives of a project to a folder, whole or not at all.

    Raises:
        StorageError: its repository is on another machine, it is there already, or the disk refused.
    """
    root, there = projects_dir / key, target / key
    if store.artifacts.head(key, "repository") is not None and not (root / "repository").is_dir():
        raise StorageError(f"the repository of {key} is not on this machine: run this where it was built")
    if there.exists():
        raise StorageError(f"{there} exists already: name another folder")
    with storage_errors(there):
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{key}-", dir=target) as aside:
            copy = Path(aside) / key
            copy.mkdir()
            if (root / "repository").is_dir():
                shutil.copytree((root / "repository").resolve(), copy / "repository", symlinks=True)
            for path in archives_of(projects_dir, key):
                shutil.copy2(path, copy)
            copy.rename(there)


def finish_deletion(store: ProjectStore, history: RunHistory, projects_dir: Path, key: str) -> None:
    """Remove everything of a project whose deletion was begun: files, rows, partition, runs; then it is forgotten.

    Each step may be made again, so that whatever interrupts it is made up for by the next cleanup.

    Raises:
        ProjectBusyError: a run of it has begun since.
        StorageError, OSError: the disk refused.
    """
    if history.in_flight(key):
        raise ProjectBusyError(f"{key} has a run in flight: it is deleted when that has ended")
    folder = ProjectFolder(projects_dir, key).root
    if folder.exists():
        disk.remove(folder)
    store.housekeeping.remove_project(key)
    history.remove_partition(key)
    for run in list(history.ended(key)):
        history.remove(run.run_id)
    store.housekeeping.end_deletion(key)


def _require_idle(store: ProjectStore, history: RunHistory, key: str) -> None:
    if history.in_flight(key) or store.projects.get(key).state == "building":
        raise ProjectBusyError(f"{key} is being built: wait for its run, or terminate that first")
    # A batch counts what became of each of its projects.
    if batch := store.batches.holding(key):
        raise ProjectBusyError(
            f"{key} belongs to batch {batch!r}: wait for its end, or `hishamos batch stop {batch}`"
        )


def _is_worth_keeping(store: ProjectStore, key: str) -> bool:
    """Whether anything of it was ever verified."""
    tree = store.deliveries.newest_status(key)
    return tree == "completed" or store.artifacts.head(key, "repository") is not None


def _is_kept(store: ProjectStore, storage: Storage | None, key: str) -> bool:
    """Whether its very repository, as it is now, is in the storage or on a Git host."""
    if store.artifacts.head(key, "repository") is None:
        return False
    head = store.artifacts.read(key, "repository", RepositoryRecord).head
    if any(_published(store, key, kind, head) for kind in HOSTS):
        return True
    manifest = storage.manifest(key, BUNDLE) if storage else None
    return manifest is not None and manifest.version == head


def _published(store: ProjectStore, key: str, kind: str, head: str) -> bool:
    found = store.deliveries.publication(key, kind)
    return found is not None and found.commit == head and not store.deliveries.last_failed(key, kind)
