"""Entities as a brief gives them: a list of lines, a list of mappings, or one mapping of names to attributes."""

from collections.abc import Iterator, Sequence

from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.artifacts.traceability import duplicates
from hishamos_pipeline.intake.attributes import (
    attribute_name,
    entity_name,
    parse_attribute,
    parse_entity,
    resolve_references,
)
from hishamos_pipeline.intake.limits import MOST_ENTITIES
from hishamos_pipeline.intake.problems import BriefProblem, Path

_FIELD = "entities"
_FIX = "Write `- Book: title, author, isbn (unique)`."


def read_entities(given: object) -> tuple[tuple[Entity, ...], list[BriefProblem]]:
    """The entities of a brief with their references resolved, and all problems of them."""
    if isinstance(given, dict | list) and len(given) > MOST_ENTITIES:
        problem = f"has {len(given)} entries, the limit is {MOST_ENTITIES}"
        return (), [BriefProblem(_FIELD, problem, "Keep the important ones.", (_FIELD,))]
    if not isinstance(given, dict | list):
        return (), [BriefProblem(_FIELD, "is neither a list nor a mapping", _FIX, (_FIELD,))]
    entities: list[Entity] = []
    paths: list[Path] = []
    problems: list[BriefProblem] = []
    for part, item in given.items() if isinstance(given, dict) else enumerate(given):
        try:
            entities.append(_entity(part, item) if isinstance(given, dict) else _listed(item))
            paths.append((_FIELD, part))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            text = f"has no {error}" if isinstance(error, KeyError) else str(error)
            problems.append(BriefProblem(_FIELD, text, _FIX, (_FIELD, part)))
    if problems:
        return (), problems
    names = [attribute_name(entity.name) for entity in entities]
    for name in duplicates(names):
        path = paths[len(names) - 1 - names[::-1].index(name)]
        text = f"{name.replace('_', ' ')!r} is described twice"
        problems.append(BriefProblem(_FIELD, text, "Keep one of the two.", path))
    if problems:
        return (), problems
    resolved = resolve_references(entities)
    known = {item.name for item in resolved}
    return resolved, [
        BriefProblem(_FIELD, text, fix, path)
        for entity, path in zip(resolved, paths, strict=True)
        for text, fix in _of_attributes(entity, known)
    ]


def _of_attributes(entity: Entity, known: set[str]) -> Iterator[tuple[str, str]]:
    """Problems of an entity's attributes, each with its fix."""
    names = {attribute.name for attribute in entity.attributes}
    for attribute in entity.attributes:
        where = f"{attribute.name!r} of {entity.name!r}"
        if attribute.type == "reference" and attribute.target not in known:
            yield (
                f"{where} refers to no known entity",
                "Name the attribute like the entity that it refers to.",
            )
        if attribute.type == "reference" and f"{attribute.name}_id" in names:
            yield f"{where} and its '{attribute.name} id' are the same", "Keep one of the two."
        if attribute.after and attribute.after not in names:
            yield f"{where} names {attribute.after!r}, which is no attribute", "Add that date."
        if attribute.unique and attribute.type not in ("text", "integer", "email", "url"):
            yield f"{where} cannot be unique", "Only text and whole numbers can."
        if attribute.type == "choice" and len(attribute.choices) < 2:
            yield f"{where} has fewer than two choices", "Write `a | b`."


def _listed(item: object) -> Entity:
    if isinstance(item, str):
        return parse_entity(item)
    if not isinstance(item, dict):
        raise ValueError(f"{str(item)[:60]!r} is neither a line nor a mapping")
    return _entity(item["name"], item.get("attributes", item.get("fields", ())))


def _entity(name: object, attributes: object) -> Entity:
    if isinstance(attributes, str):
        return parse_entity(f"{name}: {attributes}")
    if isinstance(attributes, dict):
        attributes = [f"{key}: {value}" if value else key for key, value in attributes.items()]
    given: Sequence[object] = attributes if isinstance(attributes, list | tuple) else ()
    return Entity(name=entity_name(str(name)), attributes=tuple(_attribute(item) for item in given))


def _attribute(item: object) -> Attribute:
    if isinstance(item, dict) and len(item) == 1:
        ((key, value),) = item.items()
        item = f"{key}: {value}" if value else key
    if not isinstance(item, dict):
        return parse_attribute(str(item))
    data = {**item, "name": attribute_name(str(item.get("name", "")))}
    checked = Attribute.model_validate(data).model_dump(exclude_unset=True)
    return parse_attribute(str(data["name"])).model_copy(update=checked)
