"""From requirements to the backlog: from scratch, or only as far as requirements have changed."""

from itertools import chain

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import PlanningRequest, StoriesRevision
from hishamos_pipeline.core.artifacts.brief import excerpt
from hishamos_pipeline.core.artifacts.continuity import as_before
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
    earlier = step.earlier_with(Stories, "requirements", Requirements)
    if not step.asks_models(tasks.REVISE_STORIES) or (before := next(earlier, None)) is None:
        return None
    is_read = step.asks_models(tasks.REVISE_REQUIREMENTS)
    for backlog, made_from in chain([before], earlier):
        if _says_the_same(backlog, made_from, wanted, is_read=is_read):
            again = as_before(backlog, before[0])
            return again.model_copy(update={"sprint": wanted.sprint, "revision_of": content_hash(before[0])})
    changed = changed_requirements(before[1], wanted, is_read=is_read)
    if changed is None:
        return None
    return StoriesRevision(
        requirements=wanted,
        stories=before[0],
        changed=tuple(sorted(changed)),
        former=before[1].requirements,
        brief=excerpt(wanted, changed),
    )


def _says_the_same(made: Stories, before: Requirements, now: Requirements, *, is_read: bool) -> bool:
    """Whether all that stories were written of is as it was."""
    changed = changed_requirements(before, now, is_read=is_read)
    served = {name for story in made.stories for name in story.requirements}
    functional = {item.id for item in now.requirements if item.kind == "functional"}
    gone = served - {item.id for item in now.requirements}
    return changed is not None and not changed & functional and not gone
