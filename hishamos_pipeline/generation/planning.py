"""Requirements to stories and architecture: from scratch, or only as far as requirements have changed."""

from collections.abc import Collection
from typing import TypeVar

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import ArchitectureRevision
from hishamos_pipeline.core.document import Document
from hishamos_pipeline.core.documents import Architecture, Requirements, Stories, Story
from hishamos_pipeline.core.ids import next_number, numbered
from hishamos_pipeline.generation.project import ProjectRun

D = TypeVar("D", bound=Document)
# Where more than this share has changed, what fits together is better made anew.
_MOST_CHANGED = 0.5


async def write_stories(run: ProjectRun) -> Stories:
    """The backlog; a model is asked about requirements that have changed, and all other stories stay."""
    wanted = run.read("requirements", Requirements)
    before = _before(run, "stories", Stories)
    changed = changed_requirements(before[1], wanted) if before else None
    if before is None or changed is None or not run.engine.asks_models(tasks.STORIES):
        return await run.ask("stories", tasks.STORIES, wanted)
    functional = {item.id for item in wanted.requirements if item.kind == "functional"}
    if not changed & functional:
        return merged(before[0], (), wanted, ())
    subset = tuple(item for item in wanted.requirements if item.id in changed or item.kind != "functional")
    answer = await run.ask("stories", tasks.STORIES, wanted.model_copy(update={"requirements": subset}))
    return merged(before[0], answer.stories, wanted, changed, answer)


async def design(run: ProjectRun) -> Architecture:
    """The plan; a model is asked what changed requirements change of it, and the rest stays."""
    wanted = run.read("requirements", Requirements)
    before = _before(run, "architecture", Architecture)
    changed = changed_requirements(before[1], wanted) if before else None
    if before is None or changed is None or not run.engine.asks_models(tasks.ARCHITECTURE):
        return await run.ask("architecture", tasks.ARCHITECTURE, wanted)
    if not changed:
        return _without(before[0], wanted)
    request = ArchitectureRevision(
        architecture=before[0], requirements=wanted, changed=tuple(sorted(changed))
    )
    return await run.ask("architecture", tasks.REVISE_ARCHITECTURE, request)


def changed_requirements(before: Requirements, now: Requirements) -> set[str] | None:
    """Requirements that are new or different; ``None`` where so much is that all is made anew.

    Qualities that verification shows are the same for every project, and do not count.
    """
    if (before.entities, before.title, before.stack) != (now.entities, now.title, now.stack):
        return None
    known = {item.id: item for item in before.requirements}
    own = [item for item in now.requirements if item.kind != "quality"]
    changed = {item.id for item in own if known.get(item.id) != item}
    return None if len(changed) > _MOST_CHANGED * len(own) else changed


def _without(plan: Architecture, wanted: Requirements) -> Architecture:
    """The plan without requirements that are gone."""
    known = {item.id for item in wanted.requirements}
    files = tuple(
        file.model_copy(update={"requirements": tuple(name for name in file.requirements if name in known)})
        for file in plan.files
    )
    return plan.model_copy(update={"files": files, "unchecked": wanted.unchecked_rules})


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


def _before(run: ProjectRun, kind: str, as_type: type[D]) -> tuple[D, Requirements] | None:
    """The newest revision of an artifact with the requirements that it was made from."""
    document = run.store.artifacts.before(run.key, kind, as_type)
    row = run.store.artifacts.head(run.key, kind)
    made_from = row.inputs.get("requirements", "") if row else ""
    earlier = run.store.artifacts.with_hash(run.key, "requirements", made_from)
    if document is None or earlier is None or row is None:
        return None
    if run.fresh or run.outdated(row) or row.code_version != run.version(kind):
        return None  # the prompt or the model is another one: all of it is asked for anew
    try:
        return document, Requirements.model_validate_json(earlier.content)
    except ValueError:
        return None  # of an earlier release
