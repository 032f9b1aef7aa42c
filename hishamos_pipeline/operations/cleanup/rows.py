"""Rows of the store: superseded revisions, texts that nothing names, texts of model calls."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate
from hishamos_pipeline.store.store import ProjectStore

_BLOBS_AT_ONCE = 500


def revisions(store: ProjectStore, *, keep: int, before: datetime) -> Iterator[RemovalCandidate]:
    """Superseded revisions with their units and records of trees, project by project."""
    rows = store.housekeeping
    for key in rows.crowded(keep, before):
        found = rows.thin(key, keep=keep, before=before, dry_run=True)
        if found.revisions or found.trees or found.units:
            yield RemovalCandidate(
                key,
                found.bytes,
                partial(rows.thin, key, keep=keep, before=before),
                count=found.revisions + found.trees + found.units,
            )


def notifications(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Notifications that were told, or given up."""
    return _together(
        "notifications", store.notifications.outdated(before), partial(store.notifications.remove, before)
    )


def events(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Events that nobody needs to read any more."""
    return _together("events", store.events.outdated(before), partial(store.events.remove, before))


def logins(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Tries to log in, and sessions, refresh tokens and links that have ended."""
    return _together("logins", store.logins.ended(before), partial(store.logins.remove_ended, before))


def idempotency_keys(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Keys of requests that nobody repeats any more."""
    keys = store.idempotency_keys
    return _together("idempotency keys", keys.outdated(before), partial(keys.remove, before))


def webhook_deliveries(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Deliveries of webhooks that have arrived, or were given up."""
    webhooks = store.webhooks
    return _together(
        "deliveries of webhooks", webhooks.outdated(before), partial(webhooks.remove_deliveries, before)
    )


def agent_tasks(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Agents' tasks that have ended and have no children; families go one generation at a time."""
    tasks = store.agent_tasks
    return _together("tasks of agents", tasks.outdated(before), partial(tasks.remove, before))


def workflow_runs(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Runs of workflows that have ended, with those that they have begun; the audit log keeps what people decided."""
    runs = store.workflow_runs
    return _together("runs of workflows", runs.outdated(before), partial(runs.remove, before))


def build_requests(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Build requests that have ended."""
    return _together("build requests", store.builds.ended(before), partial(store.builds.remove, before))


def blobs(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Texts of generated files that nothing names any more."""
    found = sorted(store.housekeeping.unused_blobs(before).items())
    for start in range(0, len(found), _BLOBS_AT_ONCE):
        some = dict(found[start : start + _BLOBS_AT_ONCE])
        yield RemovalCandidate(
            f"{len(some)} blobs",
            sum(some.values()),
            partial(store.housekeeping.remove_blobs, some, before),
            count=len(some),
        )


def _together(what: str, count: int, remove: Callable[[], object]) -> Iterator[RemovalCandidate]:
    """Rows that are removed by one statement, if there are any."""
    if count:
        yield RemovalCandidate(f"{count} {what}", 0, remove, count=count)
