"""Requests with a key of their own: whoever repeats one gets the answer of the first."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update

from hishamos_pipeline.store.idempotency.records import KeyedRequest
from hishamos_pipeline.store.idempotency.tables import IdempotencyKeyRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_of, rows_changed

# A request that nobody has renewed for longer has died with its process.
_ABANDONED_AFTER = timedelta(minutes=5)


class IdempotencyKeys:
    """Keeps requests by key, and their answers."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(self, owner: str, key: str, request_hash: str, attempt: str) -> KeyedRequest | None:
        """Take a key; ``None`` if it was free, or the request that has it.

        Args:
            owner: who asks.
            key: the key that they have given.
            request_hash: what is asked for.
            attempt: tells this attempt from others; only it can end what it has begun.
        """
        now = self._sessions.clock.now()
        mine = (IdempotencyKeyRow.owner == owner, IdempotencyKeyRow.key == key)
        values = {
            "owner": owner, "key": key, "attempt": attempt, "request_hash": request_hash,
            "status": 0, "headers": "{}", "answer": None, "created_at": now,
        }  # fmt: skip
        with self._sessions.write() as session:
            dead = (IdempotencyKeyRow.status == 0, IdempotencyKeyRow.created_at < now - _ABANDONED_AFTER)
            session.execute(delete(IdempotencyKeyRow).where(*mine, *dead))
            made = insert_of(session)(IdempotencyKeyRow).values(values).on_conflict_do_nothing()
            if rows_changed(session, made):
                return None
            row = session.scalars(select(IdempotencyKeyRow).where(*mine)).one_or_none()
            # Whoever had it has failed between the two statements: they are asked to come back, as if it was done.
            return record(KeyedRequest, row) if row else KeyedRequest(request_hash, 0, "{}", None, now)

    def renew(self, owner: str, key: str, attempt: str) -> None:
        """Say that a request is still being done."""
        self._change(owner, key, attempt, created_at=self._sessions.clock.now())

    def end(
        self,
        owner: str,
        key: str,
        attempt: str,
        status: int,
        headers: Mapping[str, str],
        answer: bytes | None,
    ) -> None:
        """Keep the answer of a request."""
        self._change(owner, key, attempt, status=status, headers=json.dumps(dict(headers)), answer=answer)

    def _change(self, owner: str, key: str, attempt: str, **values: object) -> None:
        with self._sessions.write() as session:
            session.execute(update(IdempotencyKeyRow).where(*_attempt(owner, key, attempt)).values(**values))

    def drop(self, owner: str, key: str, attempt: str) -> None:
        """Free a key: its request was refused, or has failed."""
        with self._sessions.write() as session:
            session.execute(delete(IdempotencyKeyRow).where(*_attempt(owner, key, attempt)))

    def outdated(self, before: datetime) -> int:
        """How many keys are older than a time."""
        query = (
            select(func.count()).select_from(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < before)
        )
        with self._sessions.read() as session:
            return session.scalars(query).one()

    def remove(self, before: datetime) -> None:
        """Remove keys that are older than a time."""
        with self._sessions.write() as session:
            session.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < before))


def _attempt(owner: str, key: str, attempt: str) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKeyRow.owner == owner,
        IdempotencyKeyRow.key == key,
        IdempotencyKeyRow.attempt == attempt,
        IdempotencyKeyRow.status == 0,
    )
