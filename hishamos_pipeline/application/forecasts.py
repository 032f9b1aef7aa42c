"""What a build would make, and for how much."""

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.calls.records import UnitCost


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
