"""Counters that last: figures of all processes and machines, added up in the store and never by project."""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import select

from hishamos_pipeline.store.counters.tables import CounterRow
from hishamos_pipeline.store.sessions import Sessions, insert_of

Labels = Mapping[str, str]
# Name, labels and what to add.
Amount = tuple[str, Labels, float]
# Seconds; what takes longer is counted as infinite.
BUCKETS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)


class Counters:
    """Adds to counters and reads them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, amounts: Iterable[Amount]) -> None:
        """Add to counters, all in one short transaction.

        Args:
            amounts: what to add to which.
        """
        # In one order, so that two processes cannot block each other.
        rows = sorted((name, json.dumps(labels, sort_keys=True), amount) for name, labels, amount in amounts)
        with self._sessions.write() as session:
            for name, labels, amount in rows:
                made = insert_of(session)(CounterRow).values(name=name, labels=labels, value=amount)
                grown = {"value": CounterRow.value + made.excluded.value}
                session.execute(made.on_conflict_do_update(index_elements=["name", "labels"], set_=grown))

    def all(self) -> list[tuple[str, dict[str, str], float]]:
        """Every counter: its name, its labels, its value."""
        with self._sessions.read() as session:
            rows = session.scalars(select(CounterRow).order_by(CounterRow.name, CounterRow.labels))
            return [(row.name, json.loads(row.labels), row.value) for row in rows]


def observed(name: str, labels: Labels, seconds: float) -> list[Amount]:
    """What to add for one observation of a histogram: its bucket, its sum and its count."""
    limit = next((str(bound) for bound in BUCKETS if seconds <= bound), "+Inf")
    return [(f"{name}_bucket", {**labels, "le": limit}, 1), (f"{name}_sum", labels, seconds)]
