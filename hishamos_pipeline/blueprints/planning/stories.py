"""The business analyst's stories, by rules."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hishamos_pipeline.blueprints.planning.architecture import design
from hishamos_pipeline.blueprints.planning.backlog import readings
from hishamos_pipeline.blueprints.python.model import CHANGES
from hishamos_pipeline.blueprints.python.package import PackageModel, build_model
from hishamos_pipeline.blueprints.python.scenarios import scenarios
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.operations import Reading
from hishamos_pipeline.blueprints.reading.text import statement
from hishamos_pipeline.core.artifacts.documents import (
    Criterion,
    Epic,
    Requirement,
    Requirements,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.scope import with_dependencies
from hishamos_pipeline.core.text.ids import numbered
from hishamos_pipeline.intake.languages import foreign_language, reads_english_only
from hishamos_pipeline.intake.wording import plain

_POINTS = {
    "create": 3,
    "import": 3,
    "export": 2,
    "search": 2,
    "update": 2,
    "history": 3,
    "total": 2,
    "average": 2,
}
_FIBONACCI = (1, 2, 3, 5, 8, 13)
OTHER = "Other"


def write_stories(requirements: Requirements) -> Stories:
    """One story for each functional requirement; what no rule implements is deferred with the reason."""
    functional = [item for item in requirements.requirements if item.kind == "functional"]
    read = readings({item.id: item.source for item in functional}, requirements.entities)
    architecture = design(requirements)
    model = build_model(
        title=architecture.title,
        package=architecture.package,
        distribution=architecture.distribution,
        entities=architecture.data_model,
        operations=[operation for item in read.values() for operation in item.operations],
        stack=architecture.stack,
    )
    language = foreign_language(" ".join(item.source for item in functional))
    epics = _epics(functional, read)
    ids = {item.id: numbered("US", index) for index, item in enumerate(functional, start=1)}
    creators = {
        operation.entity: ids[name]
        for name, item in reversed(read.items())
        for operation in item.operations
        if operation.kind == "create"
    }
    asking = _asking(read, ids)
    by_title = {epic.title: epic.id for epic in epics}
    stories = tuple(
        _story(item, _in_english(read[item.id], language), ids[item.id], model, creators).model_copy(
            update={"epic": by_title[_epic_title(read[item.id])]}
        )
        for item in functional
    )
    later = {
        ids[name]: _spoken_of(ids[name], item.operations, model, creators, asking)
        for name, item in read.items()
    }
    return _with_later(Stories(epics=epics, stories=stories, sprint=requirements.sprint), later)


def _in_english(reading: Reading, language: str) -> Reading:
    """A reading that, where it failed, says so of the language instead of the words."""
    if reading.operations or not language:
        return reading
    return replace(reading, reason=reads_english_only(language))


def _with_later(backlog: Stories, later: Mapping[str, Sequence[str]]) -> Stories:
    """The backlog without dependencies that close a circle: stories may each make what the other needs.

    Args:
        backlog: stories that depend on what makes the records that they are about.
        later: what their criteria speak of besides, by id; it gives way.
    """
    kept = {story.id: story.model_copy(update={"depends_on": ()}) for story in backlog.stories}
    for wanted in ({story.id: story.depends_on for story in backlog.stories}, later):
        for name, needed in wanted.items():
            for other in needed:
                so_far = backlog.model_copy(update={"stories": tuple(kept.values())})
                if name not in with_dependencies(so_far, [other]):
                    depends_on = tuple(dict.fromkeys((*kept[name].depends_on, other)))
                    kept[name] = kept[name].model_copy(update={"depends_on": depends_on})
    return backlog.model_copy(update={"stories": tuple(kept.values())})


def _story(
    requirement: Requirement,
    reading: Reading,
    story_id: str,
    model: PackageModel,
    creators: dict[str, str],
) -> Story:
    said = statement(requirement.source)
    criteria = [
        (scenario.given, scenario.when, scenario.then)
        for operation in reading.operations
        for scenario in scenarios(operation, model)
    ]
    return Story(
        id=story_id,
        epic="",
        title=requirement.title,
        actor=requirement.actor,
        want=plain(requirement.source),
        benefit=said.benefit,
        requirements=(requirement.id,),
        criteria=tuple(
            Criterion(id=f"{story_id}-AC{index}", given=given, when=when, then=then)
            for index, (given, when, then) in enumerate(dict.fromkeys(criteria), start=1)
        ),
        points=_points(reading.operations),
        priority=requirement.priority,
        depends_on=_dependencies(story_id, reading.operations, model, creators),
        status="planned" if reading.operations else "deferred",
        reason=reading.reason,
        assumptions=reading.assumptions,
    )


def _points(operations: Sequence[Operation]) -> int:
    effort = sum(_POINTS.get(operation.kind, 1) for operation in operations)
    return next((size for size in _FIBONACCI if size >= effort), _FIBONACCI[-1])


def _dependencies(
    story_id: str, operations: Sequence[Operation], model: PackageModel, creators: dict[str, str]
) -> tuple[str, ...]:
    """The stories that create the records which this one is about, or which its records refer to."""
    needed: list[str] = []
    for operation in operations:
        needed.append(creators[operation.entity])
        for field in model.entity(operation.entity).references:
            is_named = operation.kind == "create" or field.attribute.name in operation.attributes
            if is_named and field.attribute.target in creators:
                needed.append(creators[field.attribute.target])
    return tuple(name for name in dict.fromkeys(needed) if name != story_id)


def _spoken_of(
    story_id: str,
    operations: Sequence[Operation],
    model: PackageModel,
    creators: dict[str, str],
    asking: Mapping[tuple[str, str], Sequence[str]],
) -> tuple[str, ...]:
    """The stories that criteria speak of besides.

    Those of what refers to something deleted, of a change in a history, of the deletion of what is restored, of the
    size of pages, and of a limit that records which are counted, added up or imported have to keep to.
    """
    needed: list[str] = []
    for operation in operations:
        name = operation.entity
        if operation.kind == "delete":
            needed += [creators[referrer] for referrer in model.entity(name).referrers]
        if operation.kind == "history":
            changing = sorted(story for kind in CHANGES for story in asking.get((kind, name), ()))
            needed += [*changing, *asking.get(("delete", name), ())][:1]
        if operation.kind in ("restore", "deleted"):
            needed += asking.get(("delete", name), ())[:1]
        if operation.kind == "page" and not operation.value:  # another one may say how many a page holds
            needed += asking.get(("page", name), ())
        if operation.kind in ("group", "import", "total", "average", "create"):
            needed += asking.get(("limit", name), ())
    return tuple(name for name in dict.fromkeys(needed) if name != story_id)


def _asking(read: Mapping[str, Reading], ids: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """The stories that ask for each kind of operation on each entity."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, reading in read.items():
        for operation in reading.operations:
            found.setdefault((operation.kind, operation.entity), []).append(ids[name])
    return found


def _epic_title(reading: Reading) -> str:
    if not reading.operations:
        return OTHER
    return words.plural(reading.operations[0].entity).capitalize()


def _epics(functional: Sequence[Requirement], read: dict[str, Reading]) -> tuple[Epic, ...]:
    titles = dict.fromkeys(_epic_title(read[item.id]) for item in functional)
    return tuple(Epic(id=numbered("EP", index), title=title) for index, title in enumerate(titles, start=1))
