"""Notices: what people are to be told, kept until a channel has told it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select

from hishamos_pipeline.store.notifications.records import Notice
from hishamos_pipeline.store.notifications.tables import NoticeRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new, stored_text

TRIES = 8
_FIRST_WAIT = timedelta(seconds=30)


class Notices:
    """Reads and writes notices; one that could not be told is tried again, later each time, ``TRIES`` times in all."""

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
        """Have every channel tell of an occasion; one that is known already is not told twice."""
        now = self._sessions.clock.now()
        said = stored_text(reason)
        told = {"event": event, "project": project, "run_id": run_id, "step": step[:40], "reason": said}
        state = {"status": "waiting", "tries": 0, "error": "", "created_at": now, "next_try_at": now}
        with self._sessions.write() as session:
            rows = [{"occasion": occasion, "channel": channel, **told, **state} for channel in channels]
            insert_new(session, NoticeRow, rows)

    def due(self, limit: int) -> list[Notice]:
        """Notices whose time has come, the oldest first."""
        query = (
            select(NoticeRow)
            .where(NoticeRow.status == "waiting", NoticeRow.next_try_at <= self._sessions.clock.now())
            # What was never tried comes first: a channel that is away holds up no other one.
            .order_by(NoticeRow.tries, NoticeRow.next_try_at, NoticeRow.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            return [record(Notice, row) for row in session.scalars(query)]

    def sent(self, notice_id: int) -> None:
        """Record that a notice was told."""
        with self._sessions.write() as session:
            row = session.get_one(NoticeRow, notice_id)
            row.status, row.error, row.tries = "sent", "", row.tries + 1
            row.sent_at = self._sessions.clock.now()

    def failed(self, notice_id: int, error: str) -> None:
        """Record that a notice could not be told, and when to try again: after 30 s, then twice as long each time."""
        with self._sessions.write() as session:
            row = session.get_one(NoticeRow, notice_id)
            row.tries, row.error = row.tries + 1, stored_text(error, 1000)
            row.next_try_at = self._sessions.clock.now() + _FIRST_WAIT * 2 ** (row.tries - 1)
            if row.tries >= TRIES:
                row.status = "failed"

    def outdated(self, before: datetime) -> int:
        """How many notices from before a time wait for nothing any more."""
        with self._sessions.read() as session:
            return session.scalars(select(func.count()).select_from(NoticeRow).where(*_ended(before))).one()

    def remove(self, before: datetime) -> None:
        """Remove notices from before a time that wait for nothing any more."""
        with self._sessions.write() as session:
            session.execute(delete(NoticeRow).where(*_ended(before)))

    def by_status(self, since: datetime | None = None) -> dict[str, int]:
        """How many notices, of those since a time, are waiting, sent and failed."""
        query = select(NoticeRow.status, func.count()).group_by(NoticeRow.status)
        if since is not None:
            query = query.where(NoticeRow.created_at >= since)
        with self._sessions.read() as session:
            return {"waiting": 0, "sent": 0, "failed": 0} | dict(session.execute(query).all())

    def newest(self, limit: int) -> list[Notice]:
        """The newest notices, the newest first."""
        with self._sessions.read() as session:
            rows = session.scalars(select(NoticeRow).order_by(NoticeRow.id.desc()).limit(limit))
            return [record(Notice, row) for row in rows]


def _ended(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return NoticeRow.status != "waiting", NoticeRow.created_at < before
