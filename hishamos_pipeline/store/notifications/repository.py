"""Notifications: what people are to be notified of, kept until a channel has sent it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select

from hishamos_pipeline.store.notifications.records import Notification
from hishamos_pipeline.store.notifications.tables import NotificationRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new, stored_text

TRIES = 8
_FIRST_WAIT = timedelta(seconds=30)


class Notifications:
    """Reads and writes notifications; one that could not be sent is tried again, later each time, ``TRIES`` times."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(
        self,
        occasion: str,
        channels: Iterable[str],
        *,
        event: str,
        project: str,
        run_id: str,
        step: str,
        reason: str,
    ) -> None:
        """Have every channel notify of an occasion; one that is known already is not sent twice."""
        now = self._sessions.clock.now()
        said = stored_text(reason)
        facts = {"event": event, "project": project, "run_id": run_id, "step": step[:40], "reason": said}
        state = {"status": "waiting", "tries": 0, "error": "", "created_at": now, "next_try_at": now}
        with self._sessions.write() as session:
            rows = [{"occasion": occasion, "channel": channel, **facts, **state} for channel in channels]
            insert_new(session, NotificationRow, rows)

    def due(self, limit: int) -> list[Notification]:
        """Notifications whose time has come, the oldest first."""
        query = (
            select(NotificationRow)
            .where(
                NotificationRow.status == "waiting", NotificationRow.next_try_at <= self._sessions.clock.now()
            )
            # What was never tried comes first: a channel that is away holds up no other one.
            .order_by(NotificationRow.tries, NotificationRow.next_try_at, NotificationRow.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            return [record(Notification, row) for row in session.scalars(query)]

    def sent(self, notification_id: int) -> None:
        """Record that a notification was sent."""
        with self._sessions.write() as session:
            row = session.get_one(NotificationRow, notification_id)
            row.status, row.error, row.tries = "sent", "", row.tries + 1
            row.sent_at = self._sessions.clock.now()

    def failed(self, notification_id: int, error: str) -> None:
        """Record that a notification could not be sent, and when it is tried again: after 30 s, then twice as long."""
        with self._sessions.write() as session:
            row = session.get_one(NotificationRow, notification_id)
            row.tries, row.error = row.tries + 1, stored_text(error, 1000)
            row.next_try_at = self._sessions.clock.now() + _FIRST_WAIT * 2 ** (row.tries - 1)
            if row.tries >= TRIES:
                row.status = "failed"

    def outdated(self, before: datetime) -> int:
        """How many notifications from before a time wait for nothing any more."""
        with self._sessions.read() as session:
            return session.scalars(
                select(func.count()).select_from(NotificationRow).where(*_ended(before))
            ).one()

    def remove(self, before: datetime) -> None:
        """Remove notifications from before a time that wait for nothing any more."""
        with self._sessions.write() as session:
            session.execute(delete(NotificationRow).where(*_ended(before)))

    def by_status(self, since: datetime | None = None) -> dict[str, int]:
        """How many notifications, of those since a time, are waiting, sent and failed."""
        query = select(NotificationRow.status, func.count()).group_by(NotificationRow.status)
        if since is not None:
            query = query.where(NotificationRow.created_at >= since)
        with self._sessions.read() as session:
            return {"waiting": 0, "sent": 0, "failed": 0} | dict(session.execute(query).all())

    def newest(self, limit: int) -> list[Notification]:
        """The newest notifications, the newest first."""
        with self._sessions.read() as session:
            rows = session.scalars(select(NotificationRow).order_by(NotificationRow.id.desc()).limit(limit))
            return [record(Notification, row) for row in rows]


def _ended(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return NotificationRow.status != "waiting", NotificationRow.created_at < before
