"""From a model's draft of a change to whole requirements and stories; what does not hold together is refused.

``ValueError`` with a sentence for the model, which gets it back and corrects its answer.
"""

from collections.abc import Mapping

from hishamos_pipeline.agents.tasks import ChangeAnswer, ChangeRequest, StoriesRevision
from hishamos_pipeline.authoring.drafts import (
    BacklogChange,
    ChangeDraft,
    ChangedStory,
    RequirementChange,
    StoryChange,
)
from hishamos_pipeline.core.artifacts.continuity import lasting_criteria
from hishamos_pipeline.core.artifacts.documents import (
    Criterion,
    Epic,
    Requirement,
    Requirements,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.traceability import circle
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.core.text.ids import next_number, numbered


def change(request: ChangeRequest, draft: ChangeDraft) -> ChangeAnswer:
    """The requirements and stories after the change."""
    requirements, new = _requirements(request.requirements, draft.requirements)
    told = requirements.assumptions if draft.assumptions is None else tuple(draft.assumptions)
    requirements = requirements.model_copy(
        update={"summary": draft.product.strip() or requirements.summary, "assumptions": told}
    )
    stories = _stories(request.stories, draft.stories, new)
    _require_whole(requirements, stories)
    return ChangeAnswer(summary=draft.summary, requirements=requirements, stories=stories)


def revised_stories(request: StoriesRevision, draft: BacklogChange) -> Stories:
    """The backlog after requirements have changed; stories that serve nothing of them stay."""
    concerned, named = {story.id for story in request.concerned}, {entry.id for entry in draft.stories}
    removed = {entry.id for entry in draft.stories if entry.change == "REMOVED"}
    for story in request.others:
        if story.id in removed:
            raise ValueError(f"{story.id} serves nothing that has changed: it stays")
    known = {item.id for item in request.requirements.requirements}
    kept = [
        story.model_copy(update={"requirements": tuple(n for n in story.requirements if n in known)})
        for story in request.stories.stories
    ]
    # A story all of whose requirements are gone goes with them.
    served = {story.id: story.requirements for story in request.stories.stories}
    left = [story for story in kept if story.requirements or not served[story.id] or story.id in named]
    gone = [s for s in request.stories.stories if s.id in concerned - {story.id for story in left}]
    there = {story.id for story in left}
    before = request.stories.model_copy(
        update={
            "stories": tuple(
                s.model_copy(update={"depends_on": tuple(n for n in s.depends_on if n in there)})
                for s in left
            ),
            "retired": (*request.stories.retired, *gone),
            "sprint": request.requirements.sprint,
        }
    )
    after = _stories(before, draft.stories, {})
    _require_whole(request.requirements, after)
    return after.model_copy(update={"revision_of": content_hash(request.stories)})


def _require_whole(requirements: Requirements, stories: Stories) -> None:
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
    if found := circle({story.id: story.depends_on for story in stories.stories}):
        raise ValueError(f"stories depend on one another in a circle: {found}")


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
            old = items.get(name)
            kept: dict[str, object] = {"sections": old.sections if old else ()}
            if old:
                kept |= {"source": made.source or old.source, "external_id": old.external_id}
            items[name] = made.model_copy(update=kept)
    update = {"requirements": tuple(items.values()), "retired": (*before.retired, *removed)}
    return before.model_copy(update=update), new


def _stories(before: Stories, changes: list[StoryChange], new: Mapping[str, str]) -> Stories:
    items = {item.id: item for item in before.stories}
    epics = {epic.id: epic for epic in before.epics}
    removed = []
    number = next_number(item.id for item in (*before.stories, *before.retired))
    added = [numbered("US", number + n) for n in range(sum(entry.change == "ADDED" for entry in changes))]
    named = {f"NEW-{n}": name for n, name in enumerate(added, start=1)}
    for entry in changes:
        if entry.change == "ADDED":
            name = added.pop(0)
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
            items[name] = _story(
                name, epic, entry.content, new, named, items.get(name), before.sprint.capacity
            )
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


def _story(
    name: str,
    epic: str,
    content: ChangedStory,
    new: Mapping[str, str],
    named: Mapping[str, str],
    old: Story | None,
    capacity: int,
) -> Story:
    """A story of a change.

    Args:
        name: its id.
        epic: its epic's.
        content: what it says.
        new: ids of requirements that the change adds.
        named: ids of stories that it adds.
        old: the story as it was, whose criteria keep their ids.
        capacity: points of a sprint.
    """
    if content.points > capacity:
        raise ValueError(f"{name} has more points than a sprint's capacity {capacity}")
    return Story(
        id=name,
        epic=epic,
        requirements=tuple(dict.fromkeys(new.get(item, item) for item in content.requirements)),
        criteria=lasting_criteria(
            (Criterion(id="", **item.model_dump()) for item in content.criteria), name, old
        ),
        depends_on=tuple(dict.fromkeys(named.get(item, item) for item in content.depends_on)),
        # A benefit that is not told again is what it was.
        benefit=content.benefit or (old.benefit if old else ""),
        **content.model_dump(include={"title", "actor", "want", "points", "priority"}),
    )
