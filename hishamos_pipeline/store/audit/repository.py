"""The audit log: who did what to what. Rows are only added, and each holds the hash of the one before.

An entry is written in the transaction of what it tells, so that neither is there without the other. The database
refuses to change or remove entries; whoever gets around that breaks the chain, which ``verify`` notices. Only a log
that was cut off at its end looks whole: compare its newest hash with one that was noted elsewhere.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from hishamos_pipeline.core.text.secrets import mask, masked_json
from hishamos_pipeline.store.audit.records import AuditEntry
from hishamos_pipeline.store.audit.tables import AuditEntryRow
from hishamos_pipeline.store.organizations.scope import actor_of
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, containing, read_page
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import LOG_LOCK, Sessions

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What a verification has found: how many entries, the newest hash, and what is wrong, empty for nothing."""

    entries: int
    head: str
    problem: str = ""


def audit(session: Session, now: datetime, action: str, subject: str, **details: object) -> None:
    """Add an entry to the log, as the last thing that a transaction does.

    Args:
        session: writes what the entry tells of.
        now: the time.
        action: what was done, as a noun and a verb such as ``project.delete``.
        subject: to what: a project's key, a credential's name.
        details: more of it, without secrets and long texts.
    """
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})
    actor = actor_of(session)
    if actor.on_behalf_of:
        details = {**details, "for": actor.on_behalf_of}
    newest = select(AuditEntryRow.hash).order_by(AuditEntryRow.id.desc()).limit(1)
    previous = session.scalars(newest).one_or_none() or GENESIS
    row = AuditEntryRow(
        at=now,
        actor=mask(actor.label)[:120],
        action=action,
        subject=mask(subject)[:300],
        details=masked_json(details)[:4000],
        previous=previous,
    )
    row.hash = _hash(row)
    session.add(row)
    session.flush()


_SORTS: Sorts = {"-id": AuditEntryRow.id}


class Audit:
    """Reads the audit log."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def record(self, action: str, subject: str, details: Mapping[str, object]) -> None:
        """Add an entry about something that is not in this store."""
        with self._sessions.write() as session:
            audit(session, self._sessions.clock.now(), action, subject, **details)

    def page(self, page: PageQuery, *, subject: str = "", action: str = "") -> PageOf[AuditEntry]:
        """A page of entries, the newest first, of one subject or one kind if they are named.

        Raises:
            UsageError: the page's order or cursor is none.
        """
        query = select(AuditEntryRow)
        if subject:
            query = query.where(AuditEntryRow.subject == subject)
        if action:
            query = query.where(AuditEntryRow.action == action)
        if page.search:
            query = query.where(containing(page.search, AuditEntryRow.actor, AuditEntryRow.details))
        with self._sessions.read() as session:
            return read_page(session, query, _SORTS, AuditEntryRow.id, page, partial(record, AuditEntry))

    def last(self, action: str, subject: str) -> datetime | None:
        """When something was last done to a subject, ``None`` for never."""
        query = select(func.max(AuditEntryRow.at)).where(
            AuditEntryRow.subject == subject, AuditEntryRow.action == action
        )
        with self._sessions.read() as session:
            return session.scalars(query).one()

    def verify(self, expected: str = "") -> ChainCheck:
        """Follow the chain from its beginning.

        Args:
            expected: a hash that was noted earlier, which has to be in the chain.
        """
        previous, count, met = GENESIS, 0, not expected
        for entry in self._all():
            if entry.previous != previous:
                return ChainCheck(
                    count, previous, f"an entry is missing, or was put in, before number {entry.id}"
                )
            if _hash(entry) != entry.hash:
                return ChainCheck(count, previous, f"entry number {entry.id} was changed")
            previous, count = entry.hash, count + 1
            met = met or previous == expected
        return ChainCheck(
            count, previous, "" if met else "the expected hash is not in the log: its end was cut off"
        )

    def _all(self) -> Iterator[AuditEntryRow]:
        query = select(AuditEntryRow).order_by(AuditEntryRow.id).execution_options(yield_per=500)
        with self._sessions.read() as session:
            yield from session.scalars(query)


def _hash(entry: AuditEntryRow) -> str:
    at = entry.at.astimezone(UTC).isoformat()
    fields = (entry.previous, at, entry.actor, entry.action, entry.subject, entry.details)
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()
