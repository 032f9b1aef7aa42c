"""Events: what has happened to projects, written with the effect itself, read in order, kept for a while."""

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.orm import Session

from hishamos_pipeline.core.pipeline.event_kinds import KINDS
from hishamos_pipeline.core.text.secrets import mask, masked_json
from hishamos_pipeline.store.events.records import Event
from hishamos_pipeline.store.events.tables import EventRow
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.sessions import LOG_LOCK, Sessions

_LONGEST = 500


def emit(
    session: Session, now: datetime, project: ProjectRow, kind: str, subject: str = "", **payload: object
) -> None:
    """Add an event, after all rows of the transaction were locked; it is there when the effect is, and not otherwise.

    Args:
        session: writes what the event tells of.
        now: the time.
        project: what it happened to.
        kind: one of ``KINDS``.
        subject: to what of the project.
        payload: small values without secrets; texts are cut at 500 characters.
    """
    assert kind in KINDS, kind
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        # Numbers become visible in their order, so that nobody who reads on after one misses an earlier one.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})
    session.add(
        EventRow(
            at=now,
            organization_id=project.organization_id,
            project=project.key,
            kind=kind,
            subject=mask(subject)[:300],
            payload=masked_json(payload, longest=_LONGEST),
            actor=mask(actor_of(session).label)[:120],
        )
    )


def last_event(session: Session) -> int:
    """The id of the newest event of any organization; 0 for none."""
    return session.scalars(select(func.coalesce(func.max(EventRow.id), 0))).one()


class Events:
    """Reads events."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def after(
        self, number: int, limit: int, *, project: str = "", kinds: Collection[str] = ()
    ) -> list[Event]:
        """The events after one, in order.

        Args:
            number: the id of the last event that was read, 0 for none.
            limit: how many at most.
            project: of one project alone.
            kinds: of these kinds alone.
        """
        query = select(EventRow).where(EventRow.id > number).order_by(EventRow.id).limit(limit)
        return self._read(_chosen(query, project, kinds))

    def newest(self, limit: int, *, project: str = "", kinds: Collection[str] = ()) -> list[Event]:
        """The newest events, the oldest of them first."""
        query = select(EventRow).order_by(EventRow.id.desc()).limit(limit)
        return self._read(_chosen(query, project, kinds))[::-1]

    def last(self) -> int:
        """The id of the newest event of any organization; 0 for none."""
        with self._sessions.read() as session:
            return last_event(session)

    def outdated(self, before: datetime) -> int:
        """How many events are from before a time."""
        with self._sessions.read() as session:
            query = select(func.count()).select_from(EventRow).where(EventRow.at < before)
            return session.scalars(query).one()

    def remove(self, before: datetime) -> None:
        """Remove events from before a time."""
        with self._sessions.write() as session:
            session.execute(delete(EventRow).where(EventRow.at < before))

    def _read(self, query: Select[EventRow]) -> list[Event]:
        with self._sessions.read() as session:
            seen = in_organization(session, EventRow.organization_id)
            if only := actor_of(session).project:
                seen &= EventRow.project == only
            rows = session.scalars(query.where(seen))
            return [
                Event(
                    r.id,
                    r.at,
                    r.organization_id,
                    r.project,
                    r.kind,
                    r.subject,
                    json.loads(r.payload),
                    r.actor,
                )
                for r in rows
            ]


def _chosen(query: Select[EventRow], project: str, kinds: Collection[str]) -> Select[EventRow]:
    if project:
        query = query.where(EventRow.project == project)
    return query.where(EventRow.kind.in_(kinds)) if kinds else query
