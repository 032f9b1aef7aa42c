"""What models have cost."""

from typing import Literal

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import VerifiedBuild
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.artifacts.repository import readable

GroupBy = Literal["role", "model", "asset", "batch", "day"]


class CostRow(View):
    """The calls of one group; ``group`` is the role, model, asset, batch or day, empty where a call has none."""

    group: str
    calls: int
    cached: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Costs(View):
    """What calls of models have cost, in US dollars, and for each requirement that was shown."""

    total_usd: float
    requirements_verified: int
    usd_per_verified_requirement: float | None
    by: GroupBy
    rows: tuple[CostRow, ...]


@requires("projects.read", project="key")
def costs(services: Services, actor: Actor, key: str = "", by: GroupBy = "asset") -> Costs:
    """Costs of a project, or of all of them; failed calls count, answers from the store cost nothing.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    store = services.acting_as(actor).store
    keys = [store.projects.get(key).key] if key else [project.key for project in store.projects.all()]
    rows = tuple(CostRow(group=str(row.pop(by) or ""), **row) for row in store.calls.costs(key, by))
    heads = [store.artifacts.head(name, "verified_build") for name in keys]
    builds = [build for row in heads if row and (build := readable(row, VerifiedBuild))]
    verified, total = sum(build.requirements_verified for build in builds), sum(r.cost_usd for r in rows)
    return Costs(
        total_usd=total,
        requirements_verified=verified,
        usd_per_verified_requirement=total / verified if verified else None,
        by=by,
        rows=rows,
    )
