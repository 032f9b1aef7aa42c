"""What is left on this machine of a project that was deleted on another; a later project may have its key."""

from datetime import datetime

from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace import disk
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.tree import storage_errors


def is_stale_folder(store: ProjectStore, folder: ProjectFolder, before: datetime | None = None) -> bool:
    """Whether a folder is a deleted project's: nothing in it has changed since the audit log tells of its deletion.

    A folder of whose deletion the log knows nothing may be all that there is of its project.

    Args:
        store: has the audit log.
        folder: the folder on this machine.
        before: a time; whether it was deleted before that.
    """
    deleted_at = store.audit.last("project.deleted", folder.key)
    if deleted_at is None or (before is not None and deleted_at >= before):
        return False
    return folder.root.is_dir() and disk.newest_change(folder.root) < deleted_at


def remove_stale_folder(store: ProjectStore, folder: ProjectFolder) -> None:
    """Remove a folder that is a deleted project's.

    Raises:
        StorageError: it cannot be removed.
    """
    if is_stale_folder(store, folder):
        with storage_errors(folder.root):
            disk.remove(folder.root)
