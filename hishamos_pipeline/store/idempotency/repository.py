"""Requests with a key of their own: whoever repeats one gets the answer of the first."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from hishamos_pipeline.store.idempotency.records import KeyedRequest
from hishamos_pipeline.store.idempotency.tables import IdempotencyKeyRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_of, rows_changed

# A request that has taken longer has died with its process.
_ABANDONED_AFTER = timedelta(minutes=5)


class IdempotencyKeys:
    """Keeps requests by key, and their answers."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(self, owner: str, key: str, request_hash: str) -> KeyedRequest | None:
        """Take a key; ``None`` if it was free, or the request that has it."""
        now = self._sessions.clock.now()
        mine = (IdempotencyKeyRow.owner == owner, IdempotencyKeyRow.key == key)
        values = {
            "owner": owner, "key": key, "request_hash": request_hash, "status": 0, "headers": "{}", "answer": None,
            "created_at": now,
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

    def end(
        self, owner: str, key: str, status: int, headers: Mapping[str, str], answer: bytes | None
    ) -> None:
        """Keep the answer of a request."""
        kept = {"status": status, "headers": json.dumps(dict(headers)), "answer": answer}
        mine = (IdempotencyKeyRow.owner == owner, IdempotencyKeyRow.key == key)
        with self._sessions.write() as session:
            session.execute(update(IdempotencyKeyRow).where(*mine).values(**kept))

    def drop(self, owner: str, key: str) -> None:
        """Free a key: its request has changed nothing."""
        with self._sessions.write() as session:
            session.execute(
                delete(IdempotencyKeyRow).where(
                    IdempotencyKeyRow.owner == owner, IdempotencyKeyRow.key == key
                )
            )

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
