"""From a model's draft of a change to whole requirements and stories; what does not hold together is refused.

``ValueError`` with a sentence for the model, which gets it back and corrects its answer.
"""

from collections.abc import Mapping

from hishamos_pipeline.agents.tasks import ChangeAnswer, ChangeRequest
from hishamos_pipeline.authoring.drafts import ChangeDraft, ChangedStory, RequirementChange, StoryChange
from hishamos_pipeline.core.artifacts.documents import (
    Criterion,
    Epic,
    Requirement,
    Requirements,
    Stories,
    Story,
)
from hishamos_pipeline.core.text.ids import next_number, numbered


def change(request: ChangeRequest, draft: ChangeDraft) -> ChangeAnswer:
    """The requirements and stories after the change."""
    requirements, new = _requirements(request.requirements, draft.requirements)
    stories = _stories(request.stories, draft.stories, new)
    known = {item.id for item in requirements.requirements}
    served = {name for story in stories.stories for name in story.requirements}
    for story in stories.stories:
        unknown = [name for name in story.requirements if name not in known]
        if unknown:
            raise ValueError(f"{story.id} serves {unknown[0]}, which does not exist after the change")
    functional = {item.id for item in requirements.requirements if item.kind == "functional"}
    if functional - served:
        raise ValueError(f"no story serves {sorted(functional - served)[0]}")
    ids = {story.id for story in stories.stories}
    for story in stories.stories:
        lost = [name for name in story.depends_on if name not in ids]
        if lost:
            raise ValueError(f"{story.id} depends on {lost[0]}, which does not exist after the change")
    return ChangeAnswer(summary=draft.summary, requirements=requirements, stories=stories)


def _requirements(
    before: Requirements, changes: list[RequirementChange]
) -> tuple[Requirements, Mapping[str, str]]:
    """The requirements after the change, and the ids of those that it adds, by ``NEW-1`` and so on."""
    items = {item.id: item for item in before.requirements}
    removed = []
    new: dict[str, str] = {}
    number = next_number(item.id for item in (*before.requirements, *before.retired))
    for entry in changes:
        if entry.change == "ADDED":
            name = numbered("REQ", number)
            number += 1
            new[f"NEW-{len(new) + 1}"] = name
        else:
            name = entry.id
            if name not in items:
                raise ValueError(f"there is no requirement {name!r}")
            if items[name].kind == "quality":
                raise ValueError(
                    f"{name} is a quality requirement, which verification shows; leave it as it is"
                )
        if entry.change == "REMOVED":
            removed.append(items.pop(name))
        elif entry.content is None:
            raise ValueError(f"{entry.change} {name} lacks its content")
        else:
            made = Requirement(id=name, **entry.content.model_dump())
            # What the author wrote is still what it is about; a wish comes later than the brief.
            sections = items[name].sections if name in items else ()
            items[name] = made.model_copy(update={"sections": sections})
    update = {"requirements": tuple(items.values()), "retired": (*before.retired, *removed)}
    return before.model_copy(update=update), new


def _stories(before: Stories, changes: list[StoryChange], new: Mapping[str, str]) -> Stories:
    items = {item.id: item for item in before.stories}
    epics = {epic.id: epic for epic in before.epics}
    removed = []
    number = next_number(item.id for item in (*before.stories, *before.retired))
    for entry in changes:
        if entry.change == "ADDED":
            name = numbered("US", number)
            number += 1
        else:
            name = entry.id
            if name not in items:
                raise ValueError(f"there is no story {name!r}")
        if entry.change == "REMOVED":
            removed.append(items.pop(name))
        elif entry.content is None:
            raise ValueError(f"{entry.change} {name} lacks its content")
        else:
            epic = _epic(epics, entry.content.epic)
            items[name] = _story(name, epic, entry.content, new, before.sprint.capacity)
    used = {story.epic for story in items.values()}
    return before.model_copy(
        update={
            "epics": tuple(epic for epic in epics.values() if epic.id in used),
            "stories": tuple(items.values()),
            "retired": (*before.retired, *removed),
        }
    )


def _epic(epics: dict[str, Epic], named: str) -> str:
    """The id of an epic that is named by id or title; one that is not there is added."""
    for epic in epics.values():
        if named in (epic.id, epic.title):
            return epic.id
    name = numbered("EP", next_number(epics))
    epics[name] = Epic(id=name, title=named)
    return name


def _story(name: str, epic: str, content: ChangedStory, new: Mapping[str, str], capacity: int) -> Story:
    if content.points > capacity:
        raise ValueError(f"{name} has more points than a sprint's capacity {capacity}")
    return Story(
        id=name,
        epic=epic,
        requirements=tuple(dict.fromkeys(new.get(item, item) for item in content.requirements)),
        criteria=tuple(
            Criterion(id=f"{name}-AC{number}", **item.model_dump())
            for number, item in enumerate(content.criteria, start=1)
        ),
        depends_on=tuple(dict.fromkeys(content.depends_on)),
        **content.model_dump(include={"title", "actor", "want", "benefit", "points", "priority"}),
    )
