"""The whole cleanup: which sweeps there are, in which order, by what rules."""

from collections.abc import Callable
from datetime import datetime, timedelta

from filelock import FileLock, Timeout

from hishamos_pipeline.errors import ProjectBusyError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.cleanup import files, projects, quota, rows, runs, stored, toolchains
from hishamos_pipeline.operations.cleanup.candidates import Sweep, Swept, sweep_all
from hishamos_pipeline.operations.cleanup.runs import RunHistory
from hishamos_pipeline.workspace.storage import open_storage
from hishamos_pipeline.workspace.tree import storage_errors

_MB = 1_000_000
# A request is hardly repeated later.
_KEYS_DAYS = 2


def clean(services: Services, history: RunHistory, *, dry_run: bool = False) -> dict[str, Swept]:
    """Remove what the settings no longer keep; what interrupts it is made up for by the next one.

    Args:
        services: the store, the folders and the settings.
        history: Dagster's runs.
        dry_run: only say what would go.

    Raises:
        ProjectBusyError: another cleanup is running on this machine.
        StorageError: the store cannot be reached.
    """
    home = services.settings.home
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / ".cleanup.lock", timeout=0):
            return sweep_all(_sweeps(services, history), dry_run=dry_run)
    except Timeout as error:
        raise ProjectBusyError("another cleanup is running: wait for it") from error


def _sweeps(services: Services, history: RunHistory) -> dict[str, Sweep]:
    """Every sweep by the kind of what it removes; one whose setting is empty is left out."""
    given, store = services.settings, services.store
    now = store.clock.now()
    grace = now - timedelta(hours=given.keep_grace_hours)

    def older(days: int) -> datetime:
        return min(now - timedelta(days=days), grace)

    folder, storage = given.projects_dir, open_storage(given)
    sweeps: dict[str, Sweep | None] = {
        "deletions": lambda: projects.deletions(store, history, folder),
        "deleted_elsewhere": lambda: files.deleted_elsewhere(store, folder, grace),
        "staging": lambda: files.staging(folder, grace),
        "idle_projects": _if(given.keep_idle_days, lambda days: projects.idle(store, history, older(days))),
        "archived_projects": _if(
            given.keep_archived_days,
            lambda days: projects.archived(store, history, storage, folder, older(days)),
        ),
        "failed_trees": lambda: files.failed_trees(store, folder, older(given.keep_failed_days)),
        "archives": _if(given.keep_archive_days, lambda days: files.archives(store, folder, older(days))),
        "revisions": lambda: rows.revisions(
            store, keep=given.keep_revisions, before=older(given.keep_revision_days)
        ),
        "blobs": lambda: rows.blobs(store, grace),
        "notifications": lambda: rows.notifications(store, older(given.keep_run_days)),
        "events": lambda: rows.events(store, older(given.keep_event_days)),
        "logins": lambda: rows.logins(store, older(given.keep_event_days)),
        "idempotency_keys": lambda: rows.idempotency_keys(store, older(_KEYS_DAYS)),
        "webhook_deliveries": lambda: rows.webhook_deliveries(store, older(given.keep_event_days)),
        "agent_tasks": lambda: rows.agent_tasks(store, older(given.keep_event_days)),
        "workflow_runs": lambda: rows.workflow_runs(store, older(given.keep_event_days)),
        "build_requests": lambda: rows.build_requests(store, older(given.keep_event_days)),
        "runs": lambda: runs.old_runs(history, older(given.keep_run_days)),
        "toolchains": lambda: toolchains.toolchains(
            given.toolchains_dir, older(given.keep_toolchain_days), grace
        ),
        "stored_objects": (lambda: stored.unnamed(storage, store, grace)) if storage else None,
        "over_quota": _if(
            given.disk_quota_mb,
            lambda mb: quota.over_quota(store, folder, given.toolchains_dir, mb * _MB, grace),
        ),
    }
    return {kind: sweep for kind, sweep in sweeps.items() if sweep}


def _if(value: int | None, sweep: Callable[[int], object]) -> Sweep | None:
    return None if value is None else lambda: sweep(value)  # type: ignore[return-value]
