"""What the repository of forecasts hands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hishamos_pipeline.store.calls.records import UnitCost


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a step was foretold to cost: certainly, with what is likely, and at most."""

    certain: UnitCost
    likely: UnitCost
    most: UnitCost


@dataclass(frozen=True, slots=True)
class BuildForecast:
    """What a build was foretold to cost when it began, and what it has cost since, by asset.

    ``happened`` is as of now where ``ended_at`` is ``None``: the build goes on, got stuck, or was killed.
    """

    run_id: str
    made_at: datetime
    ended_at: datetime | None
    foretold: Mapping[str, Foretold]
    happened: Mapping[str, UnitCost]


def forecast_error(likely_calls: float, calls: float) -> float:
    """How far off a forecast was: the difference over the larger of the two, so 0 to 1; 0 where both are 0."""
    larger = max(likely_calls, calls)
    return abs(likely_calls - calls) / larger if larger else 0.0
