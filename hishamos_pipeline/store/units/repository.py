"""Units of work and the texts of generated files."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_new, insert_or_update
from hishamos_pipeline.store.units.tables import BlobRow, UnitRow

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MadeUnit:
    """A unit that has been made: ``unit_key`` is the hash of everything it was made from.

    ``reason`` says why an earlier one stayed or was changed, empty for one that was made anew.
    """

    name: str
    unit_key: str
    text: str
    cost_usd: float = 0.0
    reason: str = ""


class Units:
    """Keeps units by key, and file texts by hash."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def find(self, key: str, unit_keys: Iterable[str], only: str = "") -> dict[str, str]:
        """Texts of the units that were made before, or for one batch alone, by unit key."""
        wanted = list(unit_keys)
        with self._sessions.read() as session:
            project = find_project(session, key)
            found: dict[str, str] = {}
            for start in range(0, len(wanted), _AT_ONCE):
                query = (
                    select(UnitRow.unit_key, BlobRow.content)
                    .join(BlobRow, BlobRow.sha256 == UnitRow.blob)
                    .where(
                        UnitRow.project_id == project.id,
                        UnitRow.unit_key.in_(wanted[start : start + _AT_ONCE]),
                    )
                )
                rows = session.execute(query.where(UnitRow.batch == only) if only else query)
                found.update((row[0], row[1]) for row in rows)
            return found

    def reasons(self, key: str, kind: str, prefix: str) -> dict[str, str]:
        """The reasons of a kind's units that begin so, by the hash of their text."""
        with self._sessions.read() as session:
            query = select(UnitRow.blob, UnitRow.reason).where(
                UnitRow.project_id == find_project(session, key).id,
                UnitRow.kind == kind,
                UnitRow.reason.startswith(prefix, autoescape=True),
            )
            return {row.blob: row.reason for row in session.execute(query)}

    def add(
        self, key: str, kind: str, units: Iterable[MadeUnit], *, batch: str = "", again: bool = False
    ) -> None:
        """Keep units; one that is kept already stays as it is, unless it was made ``again``.

        Args:
            key: the project.
            kind: the artifact that they belong to.
            units: what was made.
            batch: the batch that they were made for, if any.
            again: whether they take the place of those that are kept.
        """
        made = list(units)
        if not made:
            return
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            keep_blobs(session, (unit.text for unit in made), now)
            rows = [
                {
                    "project_id": project.id,
                    "kind": kind,
                    "name": unit.name,
                    "unit_key": unit.unit_key,
                    "blob": sha256_text(unit.text),
                    "cost_usd": unit.cost_usd,
                    "batch": batch,
                    "reason": unit.reason,
                    "created_at": now,
                }
                for unit in made
            ]
            if again:
                replaced = ("blob", "cost_usd", "batch", "reason", "created_at")
                insert_or_update(session, UnitRow, rows, key=("project_id", "unit_key"), updated=replaced)
            else:
                insert_new(session, UnitRow, rows)

    def add_blobs(self, texts: Iterable[str]) -> None:
        """Keep texts that are no unit of their own."""
        with self._sessions.write() as session:
            keep_blobs(session, texts, self._sessions.clock.now())

    def blobs(self, hashes: Iterable[str]) -> dict[str, str]:
        """Texts by hash.

        Raises:
            KeyError: if a text is not in the store.
        """
        wanted = list(dict.fromkeys(hashes))
        found: dict[str, str] = {}
        with self._sessions.read() as session:
            for start in range(0, len(wanted), _AT_ONCE):
                rows = session.execute(
                    select(BlobRow.sha256, BlobRow.content).where(
                        BlobRow.sha256.in_(wanted[start : start + _AT_ONCE])
                    )
                )
                found.update((row[0], row[1]) for row in rows)
        missing = [name for name in wanted if name not in found]
        if missing:
            raise KeyError(f"texts not in the store: {', '.join(missing[:3])}")
        return found


def keep_blobs(session: Session, texts: Iterable[str], now: datetime) -> None:
    """Keep texts, and note of those that are there already that somebody uses them."""
    by_hash = {sha256_text(text): text for text in texts}
    rows = [
        {"sha256": digest, "content": text, "size": len(text.encode()), "used_at": now}
        for digest, text in sorted(
            by_hash.items()
        )  # in one order, so that two writers cannot block each other
    ]
    insert_or_update(session, BlobRow, rows, key=("sha256",), updated=("used_at",))
