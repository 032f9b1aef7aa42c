"""Batches and their members: who they are, how far they have come, and what each has cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.pipeline.batch import (
    PER_SLOT,
    BatchKind,
    BatchOverrides,
    MemberState,
    Standing,
    Wave,
)
from hishamos_pipeline.core.pipeline.spending import NOTHING, Spent
from hishamos_pipeline.errors import BatchError, BatchNotFoundError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.batches.records import Batch, BatchMember
from hishamos_pipeline.store.batches.tables import UNDER_WAY, BatchMemberRow, BatchRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new, locked, stored_text


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Within what a batch stays.

    Args:
        usd: most that it may cost in US dollars.
        tokens: most tokens.
        slots: most of its runs at a time.
        most_failures: how many projects may fail, besides those that go first.
    """

    usd: float | None = None
    tokens: int | None = None
    slots: int = 2
    most_failures: int = 5


@dataclass(frozen=True, slots=True)
class MemberResult:
    """How a member's run has ended."""

    state: MemberState
    run_id: str = ""
    reason: str = ""
    seconds: float = 0.0
    requirements: int = 0
    requirements_verified: int = 0
    spent: Spent = NOTHING


class Batches:
    """Reads and writes batches."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(
        self,
        name: str,
        kind: BatchKind,
        keys: Sequence[str],
        *,
        canary: int,
        limits: BatchLimits,
        conditions: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> Batch:
        """Begin a batch; the daemon builds its projects.

        Args:
            name: its name, for good.
            kind: ``build`` makes what is stale, ``rebuild`` all.
            keys: its projects, in the order in which they are begun.
            canary: how many of them go first.
            limits: within what it stays.
            conditions: what its projects were chosen by, for people.
            settings: settings that take the place of the installation's.

        Raises:
            BatchError: the name is taken, or there is no project.
        """
        self.require_free(name)
        if not keys:
            raise BatchError("no project meets the conditions: see `hishamos projects list`")
        now = self._sessions.clock.now()
        row = {
            "name": name, "kind": kind, "conditions": list(conditions), "settings": dict(settings or {}),
            "budget_usd": limits.usd, "budget_tokens": limits.tokens, "slots": limits.slots,
            "most_failures": limits.most_failures, "attempt": 1, "state": "running", "reason": "",
            "started_by": self._sessions.actor.responsible[:120], "started_at": now,
        }  # fmt: skip
        with self._sessions.write() as session:
            batch = BatchRow(**row)
            session.add(batch)
            session.flush()
            insert_new(
                session,
                BatchMemberRow,
                [
                    {"batch_id": batch.id, "project": key, "canary": number < canary, **_NEW}
                    for number, key in enumerate(dict.fromkeys(keys))
                ],
            )
            audit(session, now, "batch.begin", name, kind=kind, projects=len(keys), conditions=conditions)
            return record(Batch, batch)

    def require_free(self, name: str) -> None:
        """Make sure that no batch has a name; of two that begin one at the same time, the database refuses the second.

        Raises:
            BatchError: one has.
        """
        with self._sessions.read() as session:
            if session.scalars(select(BatchRow.id).where(BatchRow.name == name)).first() is not None:
                raise BatchError(f"there is a batch {name!r} already: choose another name")

    def get(self, name: str) -> Batch:
        """A batch.

        Raises:
            BatchNotFoundError: there is none of this name.
        """
        with self._sessions.read() as session:
            return record(Batch, _find(session, name))

    def newest(self, limit: int) -> list[Batch]:
        """The newest batches, the newest first."""
        with self._sessions.read() as session:
            rows = session.scalars(select(BatchRow).order_by(BatchRow.id.desc()).limit(limit))
            return [record(Batch, row) for row in rows]

    def under_way(self) -> list[Batch]:
        """Batches that run or are being stopped, the oldest first."""
        with self._sessions.read() as session:
            query = select(BatchRow).where(BatchRow.state.in_(UNDER_WAY)).order_by(BatchRow.id)
            return [record(Batch, row) for row in session.scalars(query)]

    def members(self, batch: Batch, state: MemberState | None = None) -> list[BatchMember]:
        """The members of a batch by project, or those in one state."""
        query = (
            select(BatchMemberRow).where(BatchMemberRow.batch_id == batch.id).order_by(BatchMemberRow.project)
        )
        if state:
            query = query.where(BatchMemberRow.state == state)
        with self._sessions.read() as session:
            return [record(BatchMember, row) for row in session.scalars(query)]

    def tallies(self, batches: Sequence[Batch]) -> dict[str, dict[str, int]]:
        """How many members are in each state, by the batch's name."""
        query = (
            select(BatchMemberRow.batch_id, BatchMemberRow.state, func.count())
            .where(BatchMemberRow.batch_id.in_([batch.id for batch in batches]))
            .group_by(BatchMemberRow.batch_id, BatchMemberRow.state)
        )
        with self._sessions.read() as session:
            rows = session.execute(query).all()
        return {batch.name: {state: n for owner, state, n in rows if owner == batch.id} for batch in batches}

    def overrides(self, name: str) -> BatchOverrides:
        """What the runs of a batch keep to.

        Raises:
            BatchNotFoundError: there is none of this name.
        """
        batch = self.get(name)
        anew = batch.kind == "rebuild"
        return BatchOverrides(batch.name, anew, batch.budget_usd, batch.budget_tokens, batch.settings)

    def standing(self, batch: Batch, spent: Spent) -> Standing:
        """How a batch stands that has spent so much."""
        with self._sessions.read() as session:
            left = select(BatchMemberRow.slot, func.count()).where(
                BatchMemberRow.batch_id == batch.id, BatchMemberRow.state == "launched"
            )
            launched = dict(session.execute(left.group_by(BatchMemberRow.slot)).all())
            return Standing(
                canary=_wave(session, batch, BatchMemberRow.canary.is_(True)),
                rest=_wave(session, batch, BatchMemberRow.canary.is_(False)),
                slots={slot: launched.get(slot, 0) for slot in range(batch.slots)},
                most_failures=batch.most_failures,
                spent_usd=spent.cost_usd,
                spent_tokens=spent.input_tokens + spent.output_tokens,
                overrides=BatchOverrides(batch.name, usd=batch.budget_usd, tokens=batch.budget_tokens),
            )

    def launch(self, batch: Batch, slots: Mapping[int, Sequence[str]]) -> bool:
        """Record that members are launched, each in a slot: unless the batch was stopped meanwhile."""
        with self._sessions.write() as session:
            now = _find(session, batch.name)
            if (now.state, now.attempt) != ("running", batch.attempt):
                return False
            for slot, keys in slots.items():
                session.execute(
                    update(BatchMemberRow)
                    .where(
                        BatchMemberRow.batch_id == batch.id,
                        BatchMemberRow.project.in_(keys),
                        BatchMemberRow.state == "waiting",
                    )
                    .values(state="launched", slot=slot, attempt=batch.attempt, refused=False)
                )
        return True

    def settle(self, batch: Batch, ended: Mapping[str, MemberResult]) -> None:
        """Record how the runs of launched members have ended, by project."""
        with self._sessions.write() as session:
            mine = select(BatchMemberRow).where(
                BatchMemberRow.batch_id == batch.id,
                BatchMemberRow.project.in_(ended),
                BatchMemberRow.state == "launched",
            )
            for member in session.scalars(mine.order_by(BatchMemberRow.project).with_for_update()):
                end = ended[member.project]
                # What the batch's own budget or stop has ended says nothing about the project.
                refused = member.refused and end.state == "failed"
                member.state, member.run_id, member.reason = (
                    "cancelled" if refused else end.state,
                    end.run_id,
                    stored_text(end.reason),
                )
                member.seconds += end.seconds
                member.requirements, member.requirements_verified = (
                    end.requirements,
                    end.requirements_verified,
                )
                member.calls, member.cost_usd = end.spent.calls, end.spent.cost_usd
                member.tokens = end.spent.input_tokens + end.spent.output_tokens
                member.models = list(end.spent.models)
                member.prompt_versions = [version for version in end.spent.prompt_versions if version]

    def admit(self, name: str, project: str, attempt: int) -> bool:
        """Whether a run for an attempt of a batch may begin.

        Where the batch is being stopped, the project is noted as refused.
        """
        with self._sessions.write() as session:
            batch = _find(session, name)
            if batch.attempt != attempt:  # it was taken up again, and another run is requested for it
                return False
            if batch.state != "running":
                mine = (BatchMemberRow.batch_id == batch.id, BatchMemberRow.project == project)
                session.execute(update(BatchMemberRow).where(*mine).values(refused=True))
            return batch.state == "running"

    def launched(self, name: str, project: str) -> bool:
        """Whether a project is being built for a batch now."""
        query = (
            select(BatchMemberRow.project)
            .join(BatchRow, BatchRow.id == BatchMemberRow.batch_id)
            .where(
                BatchRow.name == name, BatchMemberRow.project == project, BatchMemberRow.state == "launched"
            )
        )
        with self._sessions.read() as session:
            return session.scalars(query).first() is not None

    def holding(self, project: str) -> str:
        """The name of a batch under way that a project belongs to, empty for none."""
        query = (
            select(BatchRow.name)
            .join(BatchMemberRow, BatchRow.id == BatchMemberRow.batch_id)
            .where(BatchMemberRow.project == project, BatchRow.state.in_(UNDER_WAY))
        )
        with self._sessions.read() as session:
            return session.scalars(query.limit(1)).first() or ""

    def refuse(self, name: str, project: str, reason: str) -> None:
        """Record that a batch's budget has stopped one of its projects, and have the batch stop."""
        with self._sessions.write() as session:
            session.execute(
                update(BatchMemberRow)
                .where(BatchMemberRow.batch_id == _find(session, name).id, BatchMemberRow.project == project)
                .values(refused=True)
            )
        self.stop(name, reason)

    def stop(self, name: str, reason: str) -> bool:
        """Have a running batch stop: whether it was running. What stands in the way is the first reason.

        Raises:
            BatchNotFoundError: there is none of this name.
        """
        with self._sessions.write() as session:
            batch = _find(session, name)
            if batch.state != "running":
                return False
            batch.state, batch.reason = "stopping", stored_text(reason)
            audit(session, self._sessions.clock.now(), "batch.stop", name, reason=stored_text(reason, 500))
        return True

    def end(self, batch: Batch) -> str:
        """Record that nothing of a batch runs any more; members that still wait are cancelled. Its last state."""
        with self._sessions.write() as session:
            row = session.get_one(BatchRow, batch.id)
            row.state = "stopped" if row.state == "stopping" else "finished"
            row.ended_at = self._sessions.clock.now()
            session.execute(
                update(BatchMemberRow)
                .where(BatchMemberRow.batch_id == batch.id, BatchMemberRow.state == "waiting")
                .values(state="cancelled")
            )
            return row.state

    def resume(self, name: str, limits: BatchLimits, *, leave_failed: bool) -> int:
        """Take a batch up again that was stopped: how many projects it goes on with.

        Args:
            name: the batch.
            limits: within what it stays from now on.
            leave_failed: whether projects that failed stay as they are.

        Raises:
            BatchNotFoundError: there is none of this name.
            BatchError: it is under way, or there is nothing to go on with.
        """
        again = ("cancelled",) if leave_failed else ("cancelled", "failed")
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            batch = _find(session, name)
            if batch.state in UNDER_WAY:
                raise BatchError(f"batch {name!r} is {batch.state}: see `hishamos batch show {name}`")
            mine = (BatchMemberRow.batch_id == batch.id, BatchMemberRow.state.in_(again))
            found = session.scalars(select(func.count()).select_from(BatchMemberRow).where(*mine)).one()
            if not found:
                raise BatchError(f"batch {name!r} has nothing left to do")
            session.execute(update(BatchMemberRow).where(*mine).values(state="waiting", reason=""))
            batch.attempt += 1
            batch.state, batch.reason, batch.ended_at = "running", "", None
            batch.budget_usd, batch.budget_tokens = limits.usd, limits.tokens
            batch.slots, batch.most_failures = limits.slots, limits.most_failures
            audit(session, now, "batch.resume", name, projects=found)
        return found


_NEW = {
    "state": "waiting", "attempt": 0, "slot": 0, "run_id": "", "refused": False, "reason": "",
    "seconds": 0.0, "requirements": 0, "requirements_verified": 0, "cost_usd": 0.0, "calls": 0, "tokens": 0,
    "models": [], "prompt_versions": [],
}  # fmt: skip


def _find(session: Session, name: str) -> BatchRow:
    batch = session.scalars(locked(session, select(BatchRow).where(BatchRow.name == name))).one_or_none()
    if batch is None:
        raise BatchNotFoundError(f"there is no batch {name!r}: see `hishamos batch list`")
    return batch


def _wave(session: Session, batch: Batch, which: ColumnElement[bool]) -> Wave:
    mine = (BatchMemberRow.batch_id == batch.id, which)
    waiting = (
        select(BatchMemberRow.project)
        .where(*mine, BatchMemberRow.state == "waiting")
        .order_by(BatchMemberRow.project)
        .limit(PER_SLOT * batch.slots)
    )
    counts = select(
        func.count().filter(BatchMemberRow.state == "launched"),
        func.count().filter(
            BatchMemberRow.state.in_(("failed", "cancelled")), BatchMemberRow.attempt == batch.attempt
        ),
    ).where(*mine)
    launched, failed = session.execute(counts).one()
    return Wave(list(session.scalars(waiting)), launched, failed)
