"""Heartbeats of runs: how everybody knows that a run's process still lives, whichever machine it is on."""

from sqlalchemy import delete, select, update

from hishamos_pipeline.store.heartbeats.records import Heartbeat
from hishamos_pipeline.store.heartbeats.tables import HeartbeatRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new


class Heartbeats:
    """Reads and writes heartbeats.

    They are counted, and whoever watches counts how often a number stays: no clock has to be right.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def beat(self, run_id: str, project: str, machine: str) -> None:
        """Say that a run lives; the first time makes it known."""
        with self._sessions.write() as session:
            row = {"run_id": run_id, "project": project, "machine": machine[:120], "beats": 0}
            insert_new(session, HeartbeatRow, [{**row, "beat_at": self._sessions.clock.now()}])
            session.execute(
                update(HeartbeatRow)
                .where(HeartbeatRow.run_id == run_id)
                .values(beats=HeartbeatRow.beats + 1, beat_at=self._sessions.clock.now())
            )

    def end(self, run_id: str) -> None:
        """Forget a run that has ended."""
        with self._sessions.write() as session:
            session.execute(delete(HeartbeatRow).where(HeartbeatRow.run_id == run_id))

    def all(self) -> list[Heartbeat]:
        """Every run that has begun and not ended, so far as is known."""
        with self._sessions.read() as session:
            rows = session.scalars(select(HeartbeatRow).order_by(HeartbeatRow.run_id))
            return [record(Heartbeat, row) for row in rows]
