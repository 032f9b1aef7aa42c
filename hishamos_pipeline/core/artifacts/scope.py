"""The scope of a project's builds: which stories they are about, and what waits for a later one."""

from collections.abc import Collection

from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.artifacts.prescriptions import Example

_REASON = "waits for a later build: it is no part of this delivery, and not verified"


def scoped(backlog: Stories, scope: Collection[str]) -> Stories:
    """The backlog in which stories outside a scope wait; none waits for an earlier scope any more.

    Args:
        backlog: the stories.
        scope: ids of stories; empty for all, and so are those of a backlog that is no more. What they depend on, and
            what the brief requires, is in it.
    """
    scope = [story.id for story in backlog.stories if story.id in scope]
    required = {name.casefold() for name in backlog.required}
    kept = {s.id for s in backlog.stories if {s.id.casefold(), s.title.casefold()} & required}
    wanted = with_dependencies(backlog, {*scope, *kept}) if scope else None
    listed = []
    for story in backlog.stories:
        if story.status == "waiting":
            story = story.model_copy(update={"status": "planned", "reason": ""})
        if wanted is not None and story.status == "planned" and story.id not in wanted:
            story = story.model_copy(update={"status": "waiting", "reason": _REASON})
        listed.append(story)
    return backlog.model_copy(update={"stories": tuple(listed)})


def with_dependencies(backlog: Stories, names: Collection[str]) -> set[str]:
    """Stories, by id, with those that they depend on, directly or not."""
    by_id = {story.id: story for story in backlog.stories}
    found, open_ = set[str](), list(names)
    while open_:
        name = open_.pop()
        if name in by_id and name not in found:
            found.add(name)
            open_ += by_id[name].depends_on
    return found


def waiting_requirements(backlog: Stories) -> tuple[str, ...]:
    """The requirements, by id, that only waiting stories serve."""
    served = {name for story in backlog.stories if story.status != "waiting" for name in story.requirements}
    waiting = {name for story in backlog.waiting for name in story.requirements}
    return tuple(sorted(waiting - served))


def in_scope(requirements: Requirements, waiting: Collection[str]) -> Requirements:
    """The requirements without those that wait, and without the examples that may be about these."""
    if not waiting:
        return requirements
    left = tuple(item for item in requirements.requirements if item.id not in waiting)
    given, put_off = requirements.prescriptions, put_off_examples(requirements, waiting)
    examples = tuple(item for item in given.examples if item not in put_off)
    return requirements.model_copy(
        update={"requirements": left, "prescriptions": given.model_copy(update={"examples": examples})}
    )


def put_off_examples(requirements: Requirements, waiting: Collection[str]) -> tuple[Example, ...]:
    """The examples that are not for sure about requirements in scope alone: whether they hold is known later."""
    if not waiting:
        return ()
    items = requirements.requirements
    cited = {name for item in items if item.id not in waiting for name in item.sections}
    doubtful = {name for item in items if item.id in waiting for name in item.sections}
    return tuple(item for item in requirements.prescriptions.examples if item.section not in cited - doubtful)
