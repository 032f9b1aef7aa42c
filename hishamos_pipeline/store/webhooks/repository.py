"""Outgoing webhooks: who is told of which events, and how far each delivery has come."""

import json
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import PersonNotFoundError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.events.repository import last_event
from hishamos_pipeline.store.events.tables import EventRow
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization, organization_id
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.records import record, require_as_seen
from hishamos_pipeline.store.sessions import Sessions, insert_new, locked, rows_changed, stored_text
from hishamos_pipeline.store.webhooks.records import DueDelivery, Webhook, WebhookDelivery
from hishamos_pipeline.store.webhooks.tables import WebhookDeliveryRow, WebhookRow

# After each try that has failed; the recommendation of Standard Webhooks, which gives up after three days.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# Whoever has taken a delivery and dies leaves it to others after so long.
_CLAIMED = timedelta(minutes=2)
_AT_ONCE = 200
_SORTS: Sorts = {"-id": WebhookDeliveryRow.id}


class Webhooks:
    """Reads and writes webhooks and their deliveries."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, url: str, kinds: str, encrypted_secret: str) -> Webhook:
        """Tell an address of the actor's organization's events, from now on."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = WebhookRow(
                organization_id=organization_id(session), url=url, kinds=kinds, secret=encrypted_secret, is_active=True,
                last_event_id=last_event(session),
                created_by=actor_of(session).label[:120], created_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            audit(session, now, "webhook.add", str(row.id), url=url, kinds=kinds)
            return record(Webhook, row)

    def all(self) -> list[Webhook]:
        """The webhooks of the actor's organization."""
        with self._sessions.read() as session:
            query = select(WebhookRow).where(_own(session)).order_by(WebhookRow.id)
            return [record(Webhook, row) for row in session.scalars(query)]

    def get(self, webhook_id: int) -> Webhook:
        """A webhook of the actor's organization.

        Raises:
            PersonNotFoundError: there is none.
        """
        with self._sessions.read() as session:
            return record(Webhook, _found(session, webhook_id))

    def update(self, webhook_id: int, *, seen: Webhook | None = None, **values: str | bool) -> Webhook:
        """Change ``url``, ``kinds`` or ``is_active``; one that is switched on again is told of what comes then.

        Raises:
            PersonNotFoundError: there is none.
            ChangedMeanwhileError: it is not as it was seen any more.
        """
        with self._sessions.write() as session:
            row = _found(session, webhook_id)
            require_as_seen(seen, record(Webhook, row), f"webhook {webhook_id}")
            if values.get("is_active") and not row.is_active:
                row.last_event_id = last_event(session)
            for name, value in values.items():
                setattr(row, name, value)
            audit(session, self._sessions.clock.now(), "webhook.update", str(row.id), **values)
            return record(Webhook, row)

    def remove(self, webhook_id: int) -> None:
        """Remove a webhook with its deliveries.

        Raises:
            PersonNotFoundError: there is none.
        """
        with self._sessions.write() as session:
            row = _found(session, webhook_id)
            session.delete(row)
            audit(session, self._sessions.clock.now(), "webhook.remove", str(webhook_id), url=row.url)

    def take_up(self) -> int:
        """Make deliveries of the events that have happened since; how many."""
        with self._sessions.read() as session:
            newest = last_event(session)
            behind = WebhookRow.is_active & (WebhookRow.last_event_id < newest)
            waiting = list(session.scalars(select(WebhookRow.id).where(behind)))
        return sum(self._take_up(webhook_id) for webhook_id in waiting)

    def _take_up(self, webhook_id: int) -> int:
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = session.scalars(
                locked(session, select(WebhookRow).where(WebhookRow.id == webhook_id, WebhookRow.is_active))
            ).one_or_none()
            if row is None:
                return 0
            mine = (EventRow.organization_id == row.organization_id, EventRow.id > row.last_event_id)
            events = list(
                session.scalars(select(EventRow).where(*mine).order_by(EventRow.id).limit(_AT_ONCE))
            )
            if len(events) < _AT_ONCE:  # what others' projects have done is passed over
                row.last_event_id = last_event(session)
            else:
                row.last_event_id = events[-1].id
            wanted = set(filter(None, row.kinds.split(",")))
            made = [
                {
                    "webhook_id": row.id, "event_id": event.id, "kind": event.kind, "body": _body(event),
                    "status": "waiting", "tries": 0, "error": "", "created_at": now, "next_try_at": now,
                    "sent_at": None,
                }
                for event in events
                if not wanted or event.kind in wanted
            ]  # fmt: skip
            insert_new(session, WebhookDeliveryRow, made)
            return len(made)

    def claim_due(self, limit: int) -> list[DueDelivery]:
        """Deliveries whose time has come, the oldest first; nobody else gets them meanwhile."""
        now = self._sessions.clock.now()
        query = (
            select(WebhookDeliveryRow, WebhookRow)
            .join(WebhookRow, WebhookRow.id == WebhookDeliveryRow.webhook_id)
            .where(
                WebhookDeliveryRow.status == "waiting",
                WebhookDeliveryRow.next_try_at <= now,
                WebhookRow.is_active,
            )
            # What was never tried comes first: a receiver that is away holds up no other one.
            .order_by(WebhookDeliveryRow.tries, WebhookDeliveryRow.id)
            .limit(limit)
            .with_for_update(of=WebhookDeliveryRow, skip_locked=True)
        )
        with self._sessions.write() as session:
            found = session.execute(query).all()
            for row, _ in found:
                row.next_try_at = now + _CLAIMED
            return [
                DueDelivery(row.id, row.event_id, row.tries, webhook.url, webhook.secret, row.body)
                for row, webhook in found
            ]

    def sent(self, delivery_id: int) -> None:
        """Record that a receiver has taken a delivery."""
        with self._sessions.write() as session:
            row = session.get(WebhookDeliveryRow, delivery_id)
            if row is not None:
                row.status, row.error, row.tries = "sent", "", row.tries + 1
                row.sent_at = self._sessions.clock.now()

    def failed(self, delivery_id: int, error: str) -> None:
        """Record that a delivery was not taken: it is tried again later, or is dead after the last try."""
        with self._sessions.write() as session:
            row = session.get(WebhookDeliveryRow, delivery_id)
            if row is not None:
                row.error, row.tries = stored_text(error, 1000), row.tries + 1
                if row.tries > len(WAITS):
                    row.status = "dead"
                else:
                    row.next_try_at = self._sessions.clock.now() + WAITS[row.tries - 1]

    def deliveries(self, webhook_id: int, page: PageQuery, status: str = "") -> PageOf[WebhookDelivery]:
        """A page of the deliveries of a webhook, the newest first, of one status if it is named.

        Raises:
            PersonNotFoundError: there is no such webhook.
            UsageError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(WebhookDeliveryRow).where(
                WebhookDeliveryRow.webhook_id == _found(session, webhook_id).id
            )
            if status:
                query = query.where(WebhookDeliveryRow.status == status)
            return read_page(
                session, query, _SORTS, WebhookDeliveryRow.id, page, partial(record, WebhookDelivery)
            )

    def try_again(self, webhook_id: int, delivery_id: int) -> WebhookDelivery:
        """Have a delivery tried again at once, and as often as a new one.

        Raises:
            PersonNotFoundError: there is no such webhook or delivery.
        """
        with self._sessions.write() as session:
            row = session.get(WebhookDeliveryRow, delivery_id)
            if row is None or row.webhook_id != _found(session, webhook_id).id:
                raise PersonNotFoundError(f"there is no delivery {delivery_id}")
            row.status, row.tries, row.next_try_at = "waiting", 0, self._sessions.clock.now()
            return record(WebhookDelivery, row)

    def outdated(self, before: datetime) -> int:
        """How many deliveries from before a time wait for nothing any more."""
        query = select(func.count()).select_from(WebhookDeliveryRow).where(*_ended(before))
        with self._sessions.read() as session:
            return session.scalars(query).one()

    def remove_deliveries(self, before: datetime) -> int:
        """Remove those; how many."""
        with self._sessions.write() as session:
            return rows_changed(session, delete(WebhookDeliveryRow).where(*_ended(before)))


def _ended(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return WebhookDeliveryRow.status != "waiting", WebhookDeliveryRow.created_at < before


def _own(session: Session) -> ColumnElement[bool]:
    return in_organization(session, WebhookRow.organization_id)


def _found(session: Session, webhook_id: int) -> WebhookRow:
    query = select(WebhookRow).where(WebhookRow.id == webhook_id, _own(session))
    row = session.scalars(locked(session, query)).one_or_none()
    if row is None:
        raise PersonNotFoundError(f"there is no webhook {webhook_id}")
    return row


def _body(event: EventRow) -> str:
    """What a receiver gets, as Standard Webhooks has it."""
    data = {
        "id": event.id,
        "project": event.project,
        "subject": event.subject,
        "payload": json.loads(event.payload),
        "actor": event.actor,
    }
    return json.dumps({"type": event.kind, "timestamp": event.at.isoformat(), "data": data})
