"""From requirements to the architecture: from scratch, or only as far as requirements have changed."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import ArchitectureRevision, PlanningRequest
from hishamos_pipeline.core.artifacts.brief import excerpt, not_taken_up
from hishamos_pipeline.core.artifacts.documents import Architecture, Requirements
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.producers.requirement_changes import changed_requirements


async def design(step: StepContext) -> Architecture:
    """The plan; a model is asked what changed requirements change of it, and the rest stays."""
    wanted = step.read("requirements", Requirements)
    return with_unchecked(await _plan(step, wanted), wanted)


def with_unchecked(plan: Architecture, wanted: Requirements) -> Architecture:
    """The plan with what no test and no check will show: rules of the brief, and sections that nothing takes up."""
    missed = tuple(f"{title}: no requirement takes this section up." for title in not_taken_up(wanted))
    return plan.model_copy(update={"unchecked": (*wanted.unchecked_rules, *missed)})


async def _plan(step: StepContext, wanted: Requirements) -> Architecture:
    before = step.before_with(Architecture, "requirements", Requirements)
    changed = changed_requirements(before[1], wanted) if before else None
    if before is None or changed is None or not step.asks_models(tasks.ARCHITECTURE):
        return await step.ask(tasks.ARCHITECTURE, PlanningRequest(requirements=wanted, brief=excerpt(wanted)))
    if not changed:
        return _without_gone(before[0], wanted)
    request = ArchitectureRevision(
        architecture=before[0],
        requirements=wanted,
        changed=tuple(sorted(changed)),
        brief=excerpt(wanted, changed),
    )
    return await step.ask(tasks.REVISE_ARCHITECTURE, request)


def _without_gone(plan: Architecture, wanted: Requirements) -> Architecture:
    """The plan without requirements that are gone."""
    known = {item.id for item in wanted.requirements}
    files = tuple(
        file.model_copy(update={"requirements": tuple(name for name in file.requirements if name in known)})
        for file in plan.files
    )
    return plan.model_copy(update={"files": files})
