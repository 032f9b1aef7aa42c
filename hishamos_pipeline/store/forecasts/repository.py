"""Forecasts: what a build was foretold to cost when it began, held against the calls that it has made."""

import json
from collections.abc import Mapping
from dataclasses import astuple
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.store.calls.records import UnitCost
from hishamos_pipeline.store.calls.tables import LlmCallRow
from hishamos_pipeline.store.forecasts.records import BuildForecast, Foretold, forecast_error
from hishamos_pipeline.store.forecasts.tables import ForecastRow
from hishamos_pipeline.store.sessions import Sessions, find_project


class Forecasts:
    """Reads and writes forecasts."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def has(self, key: str, run_id: str) -> bool:
        """Whether there is a forecast for a run.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.read() as session:
            return _row(session, key, run_id) is not None

    def add(self, key: str, run_id: str, foretold: Mapping[str, Foretold]) -> None:
        """Keep what a run is foretold to cost; the first forecast of a run stands.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        told = {
            asset: [astuple(cost) for cost in (f.certain, f.likely, f.most)] for asset, f in foretold.items()
        }
        with self._sessions.write() as session:
            project = find_project(session, key)
            if _row(session, key, run_id) is None:
                session.add(
                    ForecastRow(
                        project_id=project.id,
                        run_id=run_id,
                        made_at=self._sessions.clock.now(),
                        foretold=json.dumps(told),
                        likely_calls=sum(f.likely.calls for f in foretold.values()),
                    )
                )

    def end(self, key: str, run_id: str) -> None:
        """Keep what a run has cost, now that it has ended; nothing where it was not foretold."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = _row(session, key, run_id)
            if row is None:
                return
            happened = _costs(session, key, row.made_at, now)
            row.ended_at, row.calls = now, sum(cost.calls for cost in happened.values())
            row.happened = json.dumps({asset: astuple(cost) for asset, cost in happened.items()})

    def newest(self, key: str) -> BuildForecast | None:
        """The forecast of a project's newest build that was foretold; ``None`` where none was.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.read() as session:
            mine = select(ForecastRow).where(ForecastRow.project_id == find_project(session, key).id)
            row = session.scalars(mine.order_by(ForecastRow.id.desc()).limit(1)).one_or_none()
            if row is None:
                return None
            happened = (
                {asset: UnitCost(*cost) for asset, cost in json.loads(row.happened).items()}
                if row.ended_at
                else _costs(session, key, row.made_at, self._sessions.clock.now())
            )
            told = json.loads(row.foretold)
            foretold = {
                asset: Foretold(*(UnitCost(*cost) for cost in costs)) for asset, costs in told.items()
            }
            return BuildForecast(row.run_id, row.made_at, row.ended_at, foretold, happened)

    def mean_error(self) -> float | None:
        """How far off the newest forecasts of all projects were on average; ``None`` where none has ended."""
        newest = select(func.max(ForecastRow.id)).where(ForecastRow.ended_at.is_not(None))
        query = select(ForecastRow.likely_calls, ForecastRow.calls).where(
            ForecastRow.id.in_(newest.group_by(ForecastRow.project_id))
        )
        with self._sessions.read() as session:
            errors = [forecast_error(likely, calls) for likely, calls in session.execute(query)]
        return sum(errors) / len(errors) if errors else None


def _row(session: Session, key: str, run_id: str) -> ForecastRow | None:
    mine = (ForecastRow.project_id == find_project(session, key).id, ForecastRow.run_id == run_id)
    return session.scalars(select(ForecastRow).where(*mine)).one_or_none()


def _costs(session: Session, key: str, since: datetime, until: datetime) -> dict[str, UnitCost]:
    """What calls for a project's artifacts between two times have cost, by asset; agents may have asked others."""
    row = LlmCallRow
    query = select(
        row.asset,
        func.count(),
        func.sum(row.input_tokens + row.output_tokens),
        func.sum(row.cost_usd),
    ).where(
        row.project == key,
        row.asset.in_(STEPS),
        row.started_at.between(since, until),
        row.outcome.not_in(("cached", "cancelled")),
    )
    return {
        asset: UnitCost(calls, float(tokens), float(usd))
        for asset, calls, tokens, usd in session.execute(query.group_by(row.asset))
    }
