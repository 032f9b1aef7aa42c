"""What a build would make, and for how much."""

from datetime import datetime

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.calls.records import UnitCost
from hishamos_pipeline.store.forecasts.records import BuildForecast, Foretold, forecast_error


class PlannedStepView(View):
    """A step that a build would run: why, which units, and what they cost if each costs what it cost last.

    ``units`` are made for certain, and cost ``calls``, ``tokens`` and ``cost_usd``; with those that are ``likely`` it
    is ``likely_…``, with those that ``perhaps`` have to be made it is ``most_…``.
    """

    asset: str
    reason: str
    certain: bool
    units: tuple[str, ...]
    likely: tuple[str, ...]
    perhaps: tuple[str, ...]
    kept: int
    calls: float
    tokens: int
    cost_usd: float
    likely_calls: float
    likely_tokens: int
    likely_usd: float
    most_calls: float
    most_tokens: int
    most_usd: float


class ComparedStep(View):
    """A step of a build: calls that were foretold when it began, and calls, tokens and US dollars that it has taken."""

    asset: str
    certain_calls: float
    likely_calls: float
    most_calls: float
    calls: float
    tokens: int
    cost_usd: float


class ForecastComparison(View):
    """What the newest build that could be foretold was to cost, and what it has cost.

    ``ended_at`` is ``None`` while it goes on, and where it was not built to its end: it got stuck, was killed, or its
    brief changed meanwhile. ``error`` is the difference between
    likely calls and calls, over the larger of them: 0 to 1. ``within_most`` says whether it took no more calls than
    the most.
    """

    run_id: str
    made_at: datetime
    ended_at: datetime | None
    steps: tuple[ComparedStep, ...]
    likely_calls: float
    most_calls: float
    calls: float
    error: float
    within_most: bool


@requires("projects.read", project="key")
def compare_plan(services: Services, actor: Actor, key: str) -> ForecastComparison:
    """Hold what a build was foretold to cost against what it has cost.

    Raises:
        ProjectNotFoundError: there is no such project.
        ArtifactMissingError: no build of it was foretold.
    """
    found = services.store.forecasts.newest(key)
    if found is None:
        raise ArtifactMissingError(
            f"no build of {key} was foretold: a project's first build, and one that asks no model, has nothing to be"
            " foretold by"
        )
    steps = tuple(_compared(asset, found) for asset in STEPS if asset in {*found.foretold, *found.happened})
    likely, most, calls = (
        round(sum(getattr(step, name) for step in steps), 1)
        for name in ("likely_calls", "most_calls", "calls")
    )
    return ForecastComparison.of(
        found, steps=steps, likely_calls=likely, most_calls=most, calls=calls,
        error=round(forecast_error(likely, calls), 3), within_most=calls <= most,
    )  # fmt: skip


def _compared(asset: str, found: BuildForecast) -> ComparedStep:
    nothing = UnitCost()
    told = found.foretold.get(asset, Foretold(nothing, nothing, nothing))
    happened = found.happened.get(asset, nothing)
    return ComparedStep(
        asset=asset,
        certain_calls=round(told.certain.calls, 1),
        likely_calls=round(told.likely.calls, 1),
        most_calls=round(told.most.calls, 1),
        **_figures("", "cost_usd", happened),
    )


@requires("projects.read", project="key")
async def plan(services: Services, actor: Actor, key: str) -> list[PlannedStepView]:
    """What a build would make, why, and for how much. Nothing is made, and nothing is written.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    from hishamos_pipeline.changing.forecast import forecast

    found = await forecast(services.acting_as(actor).project(key))
    return [
        PlannedStepView.of(
            item,
            asset=item.step.kind,
            reason=item.step.reason,
            certain=item.step.certain,
            **_figures("", "cost_usd", item.certain),
            **_figures("likely_", "likely_usd", item.expected),
            **_figures("most_", "most_usd", item.most),
        )
        for item in found
    ]


def _figures(kind: str, usd: str, cost: UnitCost) -> dict[str, float]:
    return {
        f"{kind}calls": round(cost.calls, 1),
        f"{kind}tokens": round(cost.tokens),
        usd: round(cost.cost_usd, 6),
    }
