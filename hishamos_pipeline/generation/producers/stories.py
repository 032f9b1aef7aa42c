"""From requirements to the backlog: from scratch, or only as far as requirements have changed."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import PlanningRequest, StoriesRevision
from hishamos_pipeline.core.artifacts.brief import excerpt
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.producers.requirement_changes import changed_requirements


async def write_stories(step: StepContext) -> Stories:
    """The backlog; a model is asked about requirements that have changed, and all other stories stay."""
    wanted = step.read("requirements", Requirements)
    made = await _stories(step, wanted)
    return made.model_copy(update={"required": wanted.required_stories})


async def _stories(step: StepContext, wanted: Requirements) -> Stories:
    found = revision(step, wanted)
    if found is None:
        return await step.ask(tasks.STORIES, PlanningRequest(requirements=wanted, brief=excerpt(wanted)))
    return found if isinstance(found, Stories) else await step.ask(tasks.REVISE_STORIES, found)


def revision(step: StepContext, wanted: Requirements) -> StoriesRevision | Stories | None:
    """What is asked of changed requirements, or the backlog where they change nothing of it; ``None``: all anew."""
    before = step.before_with(Stories, "requirements", Requirements)
    is_read = step.asks_models(tasks.REVISE_REQUIREMENTS)
    changed = changed_requirements(before[1], wanted, is_read=is_read) if before else None
    if before is None or changed is None or not step.asks_models(tasks.REVISE_STORIES):
        return None
    functional = {item.id for item in wanted.requirements if item.kind == "functional"}
    request = StoriesRevision(
        requirements=wanted,
        stories=before[0],
        changed=tuple(sorted(changed)),
        former=before[1].requirements,
        brief=excerpt(wanted, changed),
    )
    if not changed & functional and not request.gone:
        return before[0].model_copy(update={"sprint": wanted.sprint, "revision_of": content_hash(before[0])})
    return request
