"""Looking after the installation: cleanup, the audit log, and what people were notified of."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.errors import StorageError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.cleanup.runs import RunHistory
from hishamos_pipeline.store.notifications.records import Notification
from hishamos_pipeline.store.pages import PageQuery


class Removed(View):
    """What a cleanup has removed, or would remove, of one kind; ``failed`` says what it could not, and why."""

    count: int
    bytes: int
    names: tuple[str, ...]
    failed: tuple[str, ...]


class AuditEntryView(View):
    """Who did what to what; ``details`` is JSON, ``hash`` covers the entry and the hash of the one before."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    hash: str


class AuditVerdict(View):
    """Whether the audit log is whole: how many entries, the newest hash, and what is wrong, empty for nothing."""

    entries: int
    head: str
    problem: str


class NotificationView(View):
    """What a channel was to send, and whether it has."""

    project: str
    step: str
    reason: str
    run_id: str
    channel: str
    status: str
    tries: int
    error: str
    created_at: datetime


@requires("installation.operate")
def cleanup(
    services: Services, actor: Actor, history: RunHistory, *, dry_run: bool = False
) -> dict[str, Removed]:
    """Remove what the settings keep no longer, by kind; what interrupts it is made up for by the next one.

    Raises:
        ProjectBusyError: another cleanup is running on this machine.
        StorageError: the store cannot be reached.
    """
    from hishamos_pipeline.operations.cleanup.cleaning import clean

    swept = clean(services.acting_as(actor), history, dry_run=dry_run)
    return {
        kind: Removed(count=d.count, bytes=d.bytes, names=tuple(d.names), failed=tuple(d.failed))
        for kind, d in swept.items()
    }


@requires("audit.read")
def list_audit(
    services: Services, actor: Actor, page: PageQuery, *, subject: str = "", action: str = ""
) -> Page[AuditEntryView]:
    """A page of the audit log, of one subject or one kind of entry if they are named, the newest first.

    Raises:
        UsageError: the page's order or cursor is none.
    """
    return Page.showing(services.store.audit.page(page, subject=subject, action=action), AuditEntryView.of)


@requires("audit.read")
def verify_audit(services: Services, actor: Actor, head: str = "") -> AuditVerdict:
    """Follow the chain of hashes from its beginning.

    Args:
        services: the services.
        actor: whoever asks.
        head: a hash that was noted earlier and has to be in the log.
    """
    return AuditVerdict.of(services.acting_as(actor).store.audit.verify(head))


@requires("installation.operate")
def list_notifications(services: Services, actor: Actor, last: int = 20) -> list[NotificationView]:
    """The newest notifications, the newest first."""
    return [NotificationView.of(row) for row in services.acting_as(actor).store.notifications.newest(last)]


@requires("installation.operate")
def try_channel(services: Services, actor: Actor, channel: str) -> None:
    """Tell a made-up failure by a channel of HISHAMOS_NOTIFY; nothing is kept of it.

    Raises:
        UsageError: the settings name no such channel.
        StorageError: it could not be sent.
    """
    import smtplib

    from hishamos_pipeline.operations.notifications import send

    acting = services.acting_as(actor)
    if channel not in acting.settings.notify:
        known = ", ".join(acting.settings.notify) or "none"
        raise UsageError(f"HISHAMOS_NOTIFY names no channel {channel!r}; it names {known}")
    try:
        send(_made_up(channel, acting.store.clock.now()), acting.settings, acting.key)
    except (OSError, smtplib.SMTPException) as error:
        raise StorageError(f"{channel}: {error}") from error


def _made_up(channel: str, now: datetime) -> Notification:
    return Notification(
        id=0,
        occasion="",
        channel=channel,
        event="test",
        project="example",
        run_id=f"test-{uuid.uuid4().hex[:12]}",  # a receiver leaves out what it has seen
        step="",
        reason="this is a test of a channel; nothing has failed",
        status="waiting",
        tries=0,
        error="",
        created_at=now,
        next_try_at=now,
        sent_at=None,
    )


@requires("installation.operate")
def metrics(services: Services, actor: Actor, queue: Callable[[], Mapping[str, int]]) -> str:
    """The figures of the installation in Prometheus' text format.

    Args:
        services: the services.
        actor: whoever asks.
        queue: gives how many of Dagster's runs are in each state that is not an end.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    from hishamos_pipeline.operations.metrics import Metrics

    everywhere = services.acting_as(replace(actor, organization=EVERY_ORGANIZATION))
    registry = CollectorRegistry()
    registry.register(Metrics(everywhere.store, queue, services.settings.home))
    return generate_latest(registry).decode()
