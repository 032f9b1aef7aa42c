"""The call store: every model call as a row, which is also the ledger, the limiter and the cache.

A row is inserted before a call is made, with the worst that it can cost, and settled after it. Because the
row is inserted in the same transaction that adds up what was spent, two processes can never both take the
last of a budget.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Select, case, delete, func, select, text, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.machine import is_dead, process
from hishamos_pipeline.core.pipeline.spending import (
    Budget,
    Busy,
    CallEnd,
    CallStart,
    Scope,
    Spent,
    Throttle,
    over,
)
from hishamos_pipeline.errors import BudgetError
from hishamos_pipeline.store.calls.records import LlmCall, UnitCost
from hishamos_pipeline.store.calls.tables import LlmBodyRow, LlmCallRow
from hishamos_pipeline.store.calls.token_use import TokenUse
from hishamos_pipeline.store.organizations.scope import visible
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, rows_changed, stored_text

LEASE_SECONDS = 30.0
_MINUTE = timedelta(seconds=60)
_LOCK_KEY = 7_411_001  # any number: it names the lock that admissions take on PostgreSQL
By = Literal["role", "model", "asset", "batch", "day"]


class Calls:
    """Admits, settles and adds up model calls."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._token_use = TokenUse(sessions)
        self._owner = process()

    def admit(
        self, start: CallStart, budgets: Sequence[Budget], throttle: Throttle, *, alone: bool, only: str = ""
    ) -> int | Busy:
        """Reserve a call, or say how long to wait before asking again.

        Args:
            start: the call with the worst that it can cost.
            budgets: every budget that it counts against.
            throttle: the limits of its provider.
            alone: whether to wait while somebody else asks the same.
            only: the batch whose answers alone are taken from the store, if not all are.

        Returns:
            The id of the call, which has to be settled, or why it has to wait.

        Raises:
            BudgetError: what is spent already leaves too little for the worst case.
        """
        self.settle_orphaned()
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            for budget in budgets:
                waiting = self._within(session, budget, start)
                if waiting:
                    return waiting
            self._token_use.require_within(session, start.reserved_tokens)
            if alone and _running(session, LlmCallRow.request_hash == start.request_hash):
                return Busy(0.1, "the same question is being asked")
            if alone and session.scalars(_answer_to(start.request_hash, only)).first() is not None:
                return Busy(0.0, "the same question was answered a moment ago")
            if _running(session, LlmCallRow.provider == start.provider) >= throttle.concurrency:
                return Busy(0.05, f"{throttle.concurrency} calls to {start.provider} are running")
            recent = session.execute(
                select(func.count(), func.min(LlmCallRow.started_at)).where(
                    LlmCallRow.provider == start.provider,
                    LlmCallRow.started_at > now - _MINUTE,
                    LlmCallRow.outcome != "cached",
                )
            ).one()
            if recent[0] >= throttle.per_minute:
                wait = (recent[1] + _MINUTE - now).total_seconds()
                return Busy(max(wait, 0.05), f"{throttle.per_minute} calls to {start.provider} in a minute")
            row = self._row(start, "running")
            session.add(row)
            session.flush()
            session.add(LlmBodyRow(call_id=row.id, request=start.request))
            return row.id

    def keep_alive(self, call_id: int) -> None:
        """Say that a call is still being made; without it for half a minute, it counts as lost."""
        lease = self._sessions.clock.now() + timedelta(seconds=LEASE_SECONDS)
        with self._sessions.write() as session:
            session.execute(update(LlmCallRow).where(LlmCallRow.id == call_id).values(lease_until=lease))

    def settle(self, call_id: int, end: CallEnd) -> None:
        """Record how a call ended and what it cost, and book that on its project."""
        with self._sessions.write() as session:
            row = session.get_one(LlmCallRow, call_id, with_for_update=True)
            before = row.cost_usd
            row.outcome, row.error = end.outcome, stored_text(end.error, 2000)
            row.input_tokens, row.output_tokens = end.input_tokens, end.output_tokens
            row.cached_tokens, row.cost_usd, row.seconds = end.cached_tokens, end.cost_usd, end.seconds
            if end.response:
                session.execute(
                    update(LlmBodyRow).where(LlmBodyRow.call_id == call_id).values(response=end.response)
                )
            _book(session, row.project, end.cost_usd - before)

    def cached(self, request_hash: str, only: str = "") -> str | None:
        """The stored answer to a question, or that of one batch alone; ``None`` if there is none that was accepted."""
        with self._sessions.read() as session:
            return session.scalars(_answer_to(request_hash, only)).one_or_none()

    def record_cached(self, start: CallStart) -> None:
        """Record that a question was answered from the store, at no cost."""
        with self._sessions.write() as session:
            session.add(self._row(start, "cached"))

    def reject(self, request_hashes: Iterable[str]) -> None:
        """Keep answers that turned out useless from being given again; what they cost stays booked."""
        with self._sessions.write() as session:
            session.execute(
                update(LlmCallRow)
                .where(LlmCallRow.request_hash.in_(list(request_hashes)), LlmCallRow.outcome == "ok")
                .values(outcome="invalid")
            )

    def spent(
        self, project: str = "", asset: str = "", *, since: datetime | None = None, batch: str = ""
    ) -> Spent:
        """What a project, one of its artifacts, or a batch has cost since a time, or ever."""
        mine = []
        if project:
            mine.append(LlmCallRow.project == project)
        if batch:
            mine.append(LlmCallRow.batch == batch)
        if asset:
            mine.append(LlmCallRow.asset == asset)
        if since is not None:
            mine.append(LlmCallRow.started_at >= since)
        query = select(
            func.count().filter(LlmCallRow.outcome != "cached"),
            func.coalesce(func.sum(LlmCallRow.input_tokens), 0),
            func.coalesce(func.sum(LlmCallRow.output_tokens), 0),
            func.coalesce(func.sum(LlmCallRow.cost_usd), 0.0),
        ).where(*mine)
        answered = (*mine, LlmCallRow.outcome.in_(("ok", "cached")))
        names = select(LlmCallRow.provider + ":" + LlmCallRow.model).distinct().where(*answered)
        versions = select(LlmCallRow.prompt_version).distinct().where(*answered)
        with self._sessions.read() as session:
            calls, tokens_in, tokens_out, cost = session.execute(query).one()
            return Spent(
                calls,
                tokens_in,
                tokens_out,
                float(cost),
                sorted(session.scalars(names)),
                sorted(session.scalars(versions)),
            )

    def unit_costs(self, project: str) -> dict[tuple[str, str], UnitCost]:
        """What each unit of a project costs to make, by asset and unit: all its calls for each usable answer.

        Calls that were cancelled, or whose process was killed, say nothing of that.
        """
        query = (
            select(
                LlmCallRow.asset,
                LlmCallRow.unit,
                func.count().filter(LlmCallRow.outcome == "ok"),
                func.count(),
                func.sum(LlmCallRow.input_tokens + LlmCallRow.output_tokens),
                func.sum(LlmCallRow.cost_usd),
            )
            .where(LlmCallRow.project == project, LlmCallRow.outcome.not_in(("cached", "cancelled", "lost")))
            .group_by(LlmCallRow.asset, LlmCallRow.unit)
        )
        with self._sessions.read() as session:
            return {
                (asset, unit): UnitCost(calls / answers, tokens / answers, float(usd) / answers)
                for asset, unit, answers, calls, tokens, usd in session.execute(query)
                if answers
            }

    def totals(self) -> Sequence[Any]:
        """Sums of all calls that have ended, by role, provider and outcome.

        No row is ever removed, but an ``ok`` one may become ``invalid``, and a ``lost`` one what it turns out to be.
        """
        row = LlmCallRow
        query = select(
            row.role,
            row.provider,
            row.outcome,
            func.count().label("calls"),
            func.sum(row.input_tokens).label("input_tokens"),
            func.sum(row.output_tokens).label("output_tokens"),
            func.sum(row.cached_tokens).label("cached_tokens"),
            func.sum(row.cost_usd).label("cost_usd"),
            func.sum(row.seconds).label("seconds"),
        ).where(row.outcome != "running")
        query = query.group_by(row.role, row.provider, row.outcome)
        with self._sessions.read() as session:
            return session.execute(query.order_by(row.role, row.provider, row.outcome)).all()

    def costs(self, project: str, by: By) -> list[dict[str, Any]]:
        """Costs by role, model, asset, batch or day, the dearest first; an empty project means all of them."""
        label: Any = {
            "role": LlmCallRow.role,
            "model": LlmCallRow.provider + ":" + LlmCallRow.model,
            "asset": LlmCallRow.asset,
            "batch": LlmCallRow.batch,
            "day": func.date(LlmCallRow.started_at),
        }[by]
        query = select(
            label.label(by),
            func.count().filter(LlmCallRow.outcome != "cached").label("calls"),
            func.count().filter(LlmCallRow.outcome == "cached").label("cached"),
            func.count()
            .filter(LlmCallRow.outcome.in_(("failed", "broken", "lost", "invalid")))
            .label("failed"),
            func.sum(LlmCallRow.input_tokens).label("input_tokens"),
            func.sum(LlmCallRow.output_tokens).label("output_tokens"),
            func.sum(LlmCallRow.cost_usd).label("cost_usd"),
        ).group_by(label)
        if project:
            query = query.where(LlmCallRow.project == project)
        order = label if by == "day" else func.sum(LlmCallRow.cost_usd).desc()
        with self._sessions.read() as session:
            if not project and not self._sessions.actor.superuser:  # who sees those of removed projects, too
                mine = select(ProjectRow.key).where(visible(session))
                query = query.where(LlmCallRow.project.in_(mine))
            return [dict(row._mapping) for row in session.execute(query.order_by(order))]

    def projects_by_model(self) -> dict[str, set[str]]:
        """Keys of the projects that a model has answered for, by ``provider:model``."""
        query = select(LlmCallRow.provider + ":" + LlmCallRow.model, LlmCallRow.project)
        answered = query.where(LlmCallRow.outcome.in_(("ok", "cached")), LlmCallRow.project != "").distinct()
        found: dict[str, set[str]] = {}
        with self._sessions.read() as session:
            for model, project in session.execute(answered):
                found.setdefault(model, set()).add(project)
        return found

    def rows(self, project: str = "", limit: int = 1000) -> list[LlmCall]:
        """The newest calls first."""
        query = select(LlmCallRow).order_by(LlmCallRow.id.desc()).limit(limit)
        if project:
            query = query.where(LlmCallRow.project == project)
        with self._sessions.read() as session:
            return [record(LlmCall, row) for row in session.scalars(query)]

    def drop_bodies(self, older_than: timedelta) -> int:
        """Remove what was sent and received before a time; the rows with their costs stay."""
        before = self._sessions.clock.now() - older_than
        old = select(LlmCallRow.id).where(LlmCallRow.started_at < before, LlmCallRow.outcome != "running")
        with self._sessions.write() as session:
            return rows_changed(session, delete(LlmBodyRow).where(LlmBodyRow.call_id.in_(old)))

    def _row(self, start: CallStart, outcome: str) -> LlmCallRow:
        now = self._sessions.clock.now()
        return LlmCallRow(
            project=start.purpose.project,
            asset=start.purpose.asset,
            unit=start.purpose.unit[:300],
            role=start.role,
            task=start.task,
            asked_by=self._sessions.actor.responsible[:120],
            provider=start.provider,
            model=start.model,
            prompt_version=start.prompt_version,
            request_hash=start.request_hash,
            attempt=start.attempt,
            fallback_reasons=start.fallback_reasons,
            batch=start.batch,
            outcome=outcome,
            reserved_usd=start.reserved_usd,
            reserved_tokens=start.reserved_tokens,
            owner=self._owner,
            lease_until=now + timedelta(seconds=LEASE_SECONDS),
            started_at=now,
        )

    def unsettled(self, batch: str) -> set[str]:
        """Keys of the projects that a call is being made for, on a batch's account."""
        query = select(LlmCallRow.project).where(LlmCallRow.batch == batch, LlmCallRow.outcome == "running")
        with self._sessions.read() as session:
            return set(session.scalars(query))

    def settle_orphaned(self) -> None:
        """Settle calls whose process is gone at the worst that they can have cost: nobody knows better.

        In a transaction of its own, so that a refusal which follows from it does not undo it.
        """
        now = self._sessions.clock.now()
        running = select(LlmCallRow).where(LlmCallRow.outcome == "running")
        with self._sessions.read() as session:
            gone = [r.id for r in session.scalars(running) if r.lease_until < now or is_dead(r.owner)]
        if not gone:
            return
        with self._sessions.write() as session:
            for row in session.scalars(running.where(LlmCallRow.id.in_(gone)).with_for_update()):
                row.outcome, row.error = "lost", "the process that made the call ended before the answer"
                row.cost_usd = row.reserved_usd
                row.output_tokens = row.reserved_tokens
                _book(session, row.project, row.reserved_usd)

    def _within(self, session: Session, budget: Budget, start: CallStart) -> Busy | None:
        spent_usd, spent_tokens, held_usd, held_tokens = self._sums(session, budget.scope, start)
        usd, tokens = spent_usd + start.reserved_usd, spent_tokens + start.reserved_tokens
        if over(budget, usd, tokens):
            raise BudgetError(_refusal(budget, start, spent_usd, spent_tokens), budget.scope)
        if over(budget, usd + held_usd, tokens + held_tokens):
            return Busy(0.1, f"what is left of the {budget.scope} budget is reserved by running calls")
        return None

    def _sums(self, session: Session, scope: Scope, start: CallStart) -> tuple[float, int, float, int]:
        """US dollars and tokens that are spent, and those that running calls have reserved."""
        if scope == "call":
            return 0.0, 0, 0.0, 0
        running = LlmCallRow.outcome == "running"
        tokens = LlmCallRow.input_tokens + LlmCallRow.output_tokens
        query = select(
            func.coalesce(func.sum(case((running, 0.0), else_=LlmCallRow.cost_usd)), 0.0),
            func.coalesce(func.sum(case((running, 0), else_=tokens)), 0),
            func.coalesce(func.sum(case((running, LlmCallRow.reserved_usd), else_=0.0)), 0.0),
            func.coalesce(func.sum(case((running, LlmCallRow.reserved_tokens), else_=0)), 0),
        )
        if scope == "project":
            query = query.where(LlmCallRow.project == start.purpose.project)
        if scope == "batch":
            query = query.where(LlmCallRow.batch == start.batch)
        if scope == "day":
            midnight = self._sessions.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
            query = query.where(LlmCallRow.started_at >= midnight)
        row = session.execute(query).one()
        return float(row[0]), int(row[1]), float(row[2]), int(row[3])


def _answer_to(request_hash: str, only: str) -> Select[str]:
    found = (
        select(LlmBodyRow.response)
        .join(LlmCallRow, LlmCallRow.id == LlmBodyRow.call_id)
        .where(LlmCallRow.request_hash == request_hash, LlmCallRow.outcome == "ok", LlmBodyRow.response != "")
    )
    if only:
        found = found.where(LlmCallRow.batch == only)
    return found.order_by(LlmCallRow.id.desc()).limit(1)


def _running(session: Session, condition: Any) -> int:
    query = select(func.count()).where(LlmCallRow.outcome == "running", condition)
    return session.scalars(query).one()


def _book(session: Session, key: str, usd: float) -> None:
    if not key or not usd:
        return
    project = session.scalars(select(ProjectRow).where(ProjectRow.key == key).with_for_update()).one_or_none()
    if project is not None:
        project.cost_usd = max(project.cost_usd + usd, 0.0)


def _refusal(budget: Budget, start: CallStart, usd: float, tokens: int) -> str:
    limits = [f"{budget.usd:g} USD"] if budget.usd is not None else []
    limits += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    spent = f" {usd:.4f} USD and {tokens:,} tokens are spent, and" if budget.scope != "call" else ""
    whose = {"project": f" of {start.purpose.project!r}", "batch": f" of {start.batch!r}"}.get(
        budget.scope, ""
    )
    return (
        f"the {budget.scope} budget{whose} is {' and '.join(limits)};{spent} a call of {start.role}/{start.task} to "
        f"{start.provider}:{start.model} can cost up to {start.reserved_usd:.4f} USD and "
        f"{start.reserved_tokens:,} tokens; raise it by {budget.setting}, lower HISHAMOS_LLM_MAX_OUTPUT_TOKENS, "
        "or use a cheaper model"
    )
