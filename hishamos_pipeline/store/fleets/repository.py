"""Fleets and their members: who they are, how far they have come, and what each has cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.fleet import PER_BACKFILL, FleetKind, MemberState, Standing, Terms, Wave
from hishamos_pipeline.core.hashing import sha256_text
from hishamos_pipeline.core.spending import NOTHING, Spent
from hishamos_pipeline.errors import FleetError, FleetNotFoundError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.fleets.records import Fleet, FleetMember
from hishamos_pipeline.store.fleets.tables import UNDER_WAY, FleetMemberRow, FleetRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new, locked, stored_text


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """Within what a fleet stays.

    Args:
        usd: most that it may cost in US dollars.
        tokens: most tokens.
        lanes: most of its runs at a time.
        most_failures: how many projects may fail, besides those that go first.
    """

    usd: float | None = None
    tokens: int | None = None
    lanes: int = 2
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


class Fleets:
    """Reads and writes fleets."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(
        self,
        name: str,
        kind: FleetKind,
        keys: Sequence[str],
        *,
        canary: int,
        limits: FleetLimits,
        conditions: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> Fleet:
        """Begin a fleet; the daemon builds its projects.

        Args:
            name: its name, for good.
            kind: ``build`` makes what is stale, ``rebuild`` all.
            keys: its projects, in the order in which they are begun.
            canary: how many of them go first.
            limits: within what it stays.
            conditions: what its projects were chosen by, for people.
            settings: settings that take the place of the installation's.

        Raises:
            FleetError: the name is taken, or there is no project.
        """
        self.require_free(name)
        if not keys:
            raise FleetError("no project meets the conditions: see `hishamos projects list`")
        now = self._sessions.clock.now()
        row = {
            "name": name, "kind": kind, "conditions": list(conditions), "settings": dict(settings or {}),
            "budget_usd": limits.usd, "budget_tokens": limits.tokens, "lanes": limits.lanes,
            "most_failures": limits.most_failures, "attempt": 1, "state": "running", "reason": "",
            "started_by": self._sessions.actor.responsible[:120], "started_at": now,
        }  # fmt: skip
        with self._sessions.write() as session:
            fleet = FleetRow(**row)
            session.add(fleet)
            session.flush()
            insert_new(
                session,
                FleetMemberRow,
                [
                    {"fleet_id": fleet.id, "project": key, "canary": number < canary, **_NEW}
                    for number, key in enumerate(dict.fromkeys(keys))
                ],
            )
            audit(session, now, "fleet.begin", name, kind=kind, projects=len(keys), conditions=conditions)
            return record(Fleet, fleet)

    def require_free(self, name: str) -> None:
        """Make sure that no fleet has a name; of two that begin one at the same time, the database refuses the second.

        Raises:
            FleetError: one has.
        """
        with self._sessions.read() as session:
            if session.scalars(select(FleetRow.id).where(FleetRow.name == name)).first() is not None:
                raise FleetError(f"there is a fleet {name!r} already: choose another name")

    def get(self, name: str) -> Fleet:
        """A fleet.

        Raises:
            FleetNotFoundError: there is none of this name.
        """
        with self._sessions.read() as session:
            return record(Fleet, _find(session, name))

    def newest(self, limit: int) -> list[Fleet]:
        """The newest fleets, the newest first."""
        with self._sessions.read() as session:
            rows = session.scalars(select(FleetRow).order_by(FleetRow.id.desc()).limit(limit))
            return [record(Fleet, row) for row in rows]

    def under_way(self) -> list[Fleet]:
        """Fleets that run or are being stopped, the oldest first."""
        with self._sessions.read() as session:
            query = select(FleetRow).where(FleetRow.state.in_(UNDER_WAY)).order_by(FleetRow.id)
            return [record(Fleet, row) for row in session.scalars(query)]

    def members(self, fleet: Fleet, state: MemberState | None = None) -> list[FleetMember]:
        """The members of a fleet by project, or those in one state."""
        query = (
            select(FleetMemberRow).where(FleetMemberRow.fleet_id == fleet.id).order_by(FleetMemberRow.project)
        )
        if state:
            query = query.where(FleetMemberRow.state == state)
        with self._sessions.read() as session:
            return [record(FleetMember, row) for row in session.scalars(query)]

    def tallies(self, fleets: Sequence[Fleet]) -> dict[str, dict[str, int]]:
        """How many members are in each state, by the fleet's name."""
        query = (
            select(FleetMemberRow.fleet_id, FleetMemberRow.state, func.count())
            .where(FleetMemberRow.fleet_id.in_([fleet.id for fleet in fleets]))
            .group_by(FleetMemberRow.fleet_id, FleetMemberRow.state)
        )
        with self._sessions.read() as session:
            rows = session.execute(query).all()
        return {fleet.name: {state: n for owner, state, n in rows if owner == fleet.id} for fleet in fleets}

    def terms(self, name: str) -> Terms:
        """What the runs of a fleet keep to.

        Raises:
            FleetNotFoundError: there is none of this name.
        """
        fleet = self.get(name)
        anew = fleet.kind == "rebuild"
        return Terms(fleet.name, anew, fleet.budget_usd, fleet.budget_tokens, fleet.settings)

    def standing(self, fleet: Fleet, spent: Spent) -> Standing:
        """How a fleet stands that has spent so much."""
        with self._sessions.read() as session:
            left = select(FleetMemberRow.lane, func.count()).where(
                FleetMemberRow.fleet_id == fleet.id, FleetMemberRow.state == "launched"
            )
            launched = dict(session.execute(left.group_by(FleetMemberRow.lane)).all())
            return Standing(
                canary=_wave(session, fleet, FleetMemberRow.canary.is_(True)),
                rest=_wave(session, fleet, FleetMemberRow.canary.is_(False)),
                lanes={lane: launched.get(lane, 0) for lane in range(fleet.lanes)},
                most_failures=fleet.most_failures,
                spent_usd=spent.cost_usd,
                spent_tokens=spent.input_tokens + spent.output_tokens,
                terms=Terms(fleet.name, usd=fleet.budget_usd, tokens=fleet.budget_tokens),
            )

    def launch(self, fleet: Fleet, lanes: Mapping[int, Sequence[str]]) -> bool:
        """Record that members are launched, those of a lane by one backfill: unless the fleet was stopped meanwhile."""
        with self._sessions.write() as session:
            now = _find(session, fleet.name)
            if (now.state, now.attempt) != ("running", fleet.attempt):
                return False
            for lane, keys in lanes.items():
                # Dagster's table has room for 32 characters, and its UI shows what comes before a dash.
                backfill = sha256_text(f"{fleet.name}/{fleet.attempt}/{keys[0]}")[:12]
                session.execute(
                    update(FleetMemberRow)
                    .where(
                        FleetMemberRow.fleet_id == fleet.id,
                        FleetMemberRow.project.in_(keys),
                        FleetMemberRow.state == "waiting",
                    )
                    .values(
                        state="launched", lane=lane, backfill=backfill, attempt=fleet.attempt, refused=False
                    )
                )
        return True

    def settle(self, fleet: Fleet, ended: Mapping[str, MemberResult]) -> None:
        """Record how the runs of launched members have ended, by project."""
        with self._sessions.write() as session:
            mine = select(FleetMemberRow).where(
                FleetMemberRow.fleet_id == fleet.id,
                FleetMemberRow.project.in_(ended),
                FleetMemberRow.state == "launched",
            )
            for member in session.scalars(mine.order_by(FleetMemberRow.project).with_for_update()):
                end = ended[member.project]
                # What the fleet's own budget or stop has ended says nothing about the project.
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

    def admit(self, name: str, project: str) -> bool:
        """Whether a run for a fleet may begin; where the fleet is being stopped, the project is noted as refused."""
        with self._sessions.write() as session:
            fleet = _find(session, name)
            if fleet.state != "running":
                mine = (FleetMemberRow.fleet_id == fleet.id, FleetMemberRow.project == project)
                session.execute(update(FleetMemberRow).where(*mine).values(refused=True))
            return fleet.state == "running"

    def launched(self, name: str, project: str) -> bool:
        """Whether a project is being built for a fleet now."""
        query = (
            select(FleetMemberRow.project)
            .join(FleetRow, FleetRow.id == FleetMemberRow.fleet_id)
            .where(
                FleetRow.name == name, FleetMemberRow.project == project, FleetMemberRow.state == "launched"
            )
        )
        with self._sessions.read() as session:
            return session.scalars(query).first() is not None

    def holding(self, project: str) -> str:
        """The name of a fleet under way that a project belongs to, empty for none."""
        query = (
            select(FleetRow.name)
            .join(FleetMemberRow, FleetRow.id == FleetMemberRow.fleet_id)
            .where(FleetMemberRow.project == project, FleetRow.state.in_(UNDER_WAY))
        )
        with self._sessions.read() as session:
            return session.scalars(query.limit(1)).first() or ""

    def refuse(self, name: str, project: str, reason: str) -> None:
        """Record that a fleet's budget has stopped one of its projects, and have the fleet stop."""
        with self._sessions.write() as session:
            session.execute(
                update(FleetMemberRow)
                .where(FleetMemberRow.fleet_id == _find(session, name).id, FleetMemberRow.project == project)
                .values(refused=True)
            )
        self.stop(name, reason)

    def stop(self, name: str, reason: str) -> bool:
        """Have a running fleet stop: whether it was running. What stands in the way is the first reason.

        Raises:
            FleetNotFoundError: there is none of this name.
        """
        with self._sessions.write() as session:
            fleet = _find(session, name)
            if fleet.state != "running":
                return False
            fleet.state, fleet.reason = "stopping", stored_text(reason)
            audit(session, self._sessions.clock.now(), "fleet.stop", name, reason=stored_text(reason, 500))
        return True

    def end(self, fleet: Fleet) -> str:
        """Record that nothing of a fleet runs any more; members that still wait are cancelled. Its last state."""
        with self._sessions.write() as session:
            row = session.get_one(FleetRow, fleet.id)
            row.state = "stopped" if row.state == "stopping" else "finished"
            row.ended_at = self._sessions.clock.now()
            session.execute(
                update(FleetMemberRow)
                .where(FleetMemberRow.fleet_id == fleet.id, FleetMemberRow.state == "waiting")
                .values(state="cancelled")
            )
            return row.state

    def resume(self, name: str, limits: FleetLimits, *, leave_failed: bool) -> int:
        """Take a fleet up again that was stopped: how many projects it goes on with.

        Args:
            name: the fleet.
            limits: within what it stays from now on.
            leave_failed: whether projects that failed stay as they are.

        Raises:
            FleetNotFoundError: there is none of this name.
            FleetError: it is under way, or there is nothing to go on with.
        """
        again = ("cancelled",) if leave_failed else ("cancelled", "failed")
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            fleet = _find(session, name)
            if fleet.state in UNDER_WAY:
                raise FleetError(f"fleet {name!r} is {fleet.state}: see `hishamos fleet show {name}`")
            mine = (FleetMemberRow.fleet_id == fleet.id, FleetMemberRow.state.in_(again))
            found = session.scalars(select(func.count()).select_from(FleetMemberRow).where(*mine)).one()
            if not found:
                raise FleetError(f"fleet {name!r} has nothing left to do")
            session.execute(update(FleetMemberRow).where(*mine).values(state="waiting", reason=""))
            fleet.attempt += 1
            fleet.state, fleet.reason, fleet.ended_at = "running", "", None
            fleet.budget_usd, fleet.budget_tokens = limits.usd, limits.tokens
            fleet.lanes, fleet.most_failures = limits.lanes, limits.most_failures
            audit(session, now, "fleet.resume", name, projects=found)
        return found


_NEW = {
    "state": "waiting", "attempt": 0, "lane": 0, "backfill": "", "run_id": "", "refused": False, "reason": "",
    "seconds": 0.0, "requirements": 0, "requirements_verified": 0, "cost_usd": 0.0, "calls": 0, "tokens": 0,
    "models": [], "prompt_versions": [],
}  # fmt: skip


def _find(session: Session, name: str) -> FleetRow:
    fleet = session.scalars(locked(session, select(FleetRow).where(FleetRow.name == name))).one_or_none()
    if fleet is None:
        raise FleetNotFoundError(f"there is no fleet {name!r}: see `hishamos fleet list`")
    return fleet


def _wave(session: Session, fleet: Fleet, which: ColumnElement[bool]) -> Wave:
    mine = (FleetMemberRow.fleet_id == fleet.id, which)
    waiting = (
        select(FleetMemberRow.project)
        .where(*mine, FleetMemberRow.state == "waiting")
        .order_by(FleetMemberRow.project)
        .limit(PER_BACKFILL * fleet.lanes)
    )
    counts = select(
        func.count().filter(FleetMemberRow.state == "launched"),
        func.count().filter(
            FleetMemberRow.state.in_(("failed", "cancelled")), FleetMemberRow.attempt == fleet.attempt
        ),
    ).where(*mine)
    launched, failed = session.execute(counts).one()
    return Wave(list(session.scalars(waiting)), launched, failed)
