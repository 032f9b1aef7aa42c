"""The scope of a build: which stories it is about, and what waits for a later one."""

from collections.abc import Collection

from hishamos_pipeline.core.artifacts.documents import Requirements, Stories

_REASON = "waits: it is outside the scope of the build"


def scoped(backlog: Stories, scope: Collection[str], there: Collection[str] = ()) -> Stories:
    """The backlog in which stories outside a scope wait.

    Args:
        backlog: the stories; none of them waits for an earlier scope any more.
        scope: ids of stories; empty for all. What they depend on, and what the brief requires, is in it.
        there: ids of stories that are verified already: they stay in the product.
    """
    required = {name.casefold() for name in backlog.required}
    kept = {s.id for s in backlog.stories if {s.id.casefold(), s.title.casefold()} & required}
    wanted = with_dependencies(backlog, {*scope, *there, *kept}) if scope else None
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


def waiting_requirements(requirements: Requirements, backlog: Stories) -> Requirements:
    """The requirements, with the ids of those that only waiting stories serve."""
    waiting = {name for story in backlog.waiting for name in story.requirements}
    waiting -= {name for story in backlog.stories if story.status != "waiting" for name in story.requirements}
    listed = tuple(item.id for item in requirements.requirements if item.id in waiting)
    return requirements.model_copy(update={"waiting": listed})


def in_scope(requirements: Requirements) -> Requirements:
    """The requirements without those that wait, and without the examples about these alone."""
    if not requirements.waiting:
        return requirements
    left = tuple(item for item in requirements.requirements if item.id not in requirements.waiting)
    cited = {name for item in left for name in item.sections}
    put_off = {name for item in requirements.requirements for name in item.sections} - cited
    given = requirements.prescriptions
    examples = tuple(item for item in given.examples if item.section not in put_off)
    return requirements.model_copy(
        update={"requirements": left, "prescriptions": given.model_copy(update={"examples": examples})}
    )
