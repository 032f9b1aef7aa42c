"""From requirements to the backlog: from scratch, or only as far as requirements have changed."""

from collections.abc import Collection

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import PlanningRequest
from hishamos_pipeline.core.artifacts.brief import excerpt
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories, Story
from hishamos_pipeline.core.text.ids import next_number, numbered
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.producers.requirement_changes import changed_requirements


async def write_stories(step: StepContext) -> Stories:
    """The backlog; a model is asked about requirements that have changed, and all other stories stay."""
    wanted = step.read("requirements", Requirements)
    made = await _stories(step, wanted)
    return made.model_copy(update={"required": wanted.required_stories})


async def _stories(step: StepContext, wanted: Requirements) -> Stories:
    before = step.before_with(Stories, "requirements", Requirements)
    is_read = step.asks_models(tasks.REVISE_REQUIREMENTS)
    changed = changed_requirements(before[1], wanted, is_read=is_read) if before else None
    if before is None or changed is None or not step.asks_models(tasks.STORIES):
        return await step.ask(tasks.STORIES, PlanningRequest(requirements=wanted, brief=excerpt(wanted)))
    functional = {item.id for item in wanted.requirements if item.kind == "functional"}
    if not changed & functional:
        return merged(before[0], (), wanted, ())
    subset = tuple(item for item in wanted.requirements if item.id in changed or item.kind != "functional")
    few = wanted.model_copy(update={"requirements": subset})
    answer = await step.ask(tasks.STORIES, PlanningRequest(requirements=few, brief=excerpt(wanted, changed)))
    return merged(before[0], answer.stories, wanted, changed, answer)


def merged(
    before: Stories,
    new: Collection[Story],
    wanted: Requirements,
    changed: Collection[str],
    answer: Stories | None = None,
) -> Stories:
    """The stories of unchanged requirements as they were, and the new ones of those that have changed.

    Args:
        before: the backlog as it was.
        new: stories about the changed requirements, numbered on their own.
        wanted: the requirements as they are.
        changed: ids of those that have changed.
        answer: the backlog of the new stories, for its epics.
    """
    known = {item.id for item in wanted.requirements}
    kept = [
        story.model_copy(update={"requirements": tuple(name for name in story.requirements if name in known)})
        for story in before.stories
        if not set(story.requirements) & set(changed) and set(story.requirements) & known
    ]
    epics = {epic.title: epic for epic in before.epics}
    for epic in answer.epics if answer else ():
        if epic.title not in epics:
            number = next_number(item.id for item in epics.values())
            epics[epic.title] = epic.model_copy(update={"id": numbered("EP", number)})
    titles = {epic.id: epic.title for epic in (answer.epics if answer else ())}
    # Far above all others: which of them are old stories in new words is found out when the backlog is settled.
    first = next_number(story.id for story in (*before.stories, *before.retired)) + len(before.stories)
    ids = {story.id: numbered("US", first + number) for number, story in enumerate(new)}
    stories = [*kept, *(_moved(story, ids, epics[titles[story.epic]].id) for story in new)]
    there = {story.id for story in stories}
    used = {story.epic for story in stories}
    return before.model_copy(
        update={
            "epics": tuple(epic for epic in epics.values() if epic.id in used),
            "stories": tuple(
                s.model_copy(update={"depends_on": tuple(name for name in s.depends_on if name in there)})
                for s in stories
            ),
            "sprint": wanted.sprint,
            "retired": (),
        }
    )


def _moved(story: Story, ids: dict[str, str], epic: str) -> Story:
    name = ids[story.id]
    return story.model_copy(
        update={
            "id": name,
            "epic": epic,
            "depends_on": tuple(ids[other] for other in story.depends_on if other in ids),
            "criteria": tuple(
                item.model_copy(update={"id": item.id.replace(story.id, name, 1)}) for item in story.criteria
            ),
        }
    )
