"""Rows of the store: superseded revisions, texts that nothing names, texts of model calls."""

from collections.abc import Iterator
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
    count = store.notifications.outdated(before)
    if count:
        yield RemovalCandidate(
            f"{count} notifications", 0, partial(store.notifications.remove, before), count=count
        )


def events(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Events that nobody needs to read any more."""
    count = store.events.outdated(before)
    if count:
        yield RemovalCandidate(f"{count} events", 0, partial(store.events.remove, before), count=count)


def logins(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Tries to log in, and sessions, refresh tokens and links that have ended."""
    count = store.logins.ended(before)
    if count:
        yield RemovalCandidate(f"{count} logins", 0, partial(store.logins.remove_ended, before), count=count)


def idempotency_keys(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Keys of requests that nobody repeats any more."""
    keys = store.idempotency_keys
    count = keys.outdated(before)
    if count:
        yield RemovalCandidate(f"{count} idempotency keys", 0, partial(keys.remove, before), count=count)


def webhook_deliveries(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Deliveries of webhooks that have arrived, or were given up."""
    webhooks = store.webhooks
    count = webhooks.outdated(before)
    if count:
        yield RemovalCandidate(
            f"{count} deliveries of webhooks", 0, partial(webhooks.remove_deliveries, before), count=count
        )


def agent_tasks(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Agents' tasks that have ended, and that nothing waits for."""
    count = store.agent_tasks.outdated(before)
    if count:
        yield RemovalCandidate(
            f"{count} tasks of agents", 0, partial(store.agent_tasks.remove, before), count=count
        )


def build_requests(store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Build requests that have ended."""
    count = store.builds.ended(before)
    if count:
        yield RemovalCandidate(
            f"{count} build requests", 0, partial(store.builds.remove, before), count=count
        )


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
