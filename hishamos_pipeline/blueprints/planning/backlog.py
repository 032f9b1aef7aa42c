"""Which requirements the rules can implement, and what each asks for."""

from collections.abc import Mapping, Sequence

from hishamos_pipeline.blueprints.reading.operation import Kind, Operation, without_needs
from hishamos_pipeline.blueprints.reading.operations import NEEDS_MODEL, Reader, Reading
from hishamos_pipeline.blueprints.reading.rules import read_rule
from hishamos_pipeline.blueprints.reading.words import plural, with_article
from hishamos_pipeline.core.artifacts.idea import Entity

# Kinds of operations of which there is one for the same records, and what is then said of another.
_ONE_FIGURE = {"limit": "limit", "page": "size of pages", "calculate": "way of working out a figure"}


def readings(wishes: Mapping[str, str], entities: Sequence[Entity]) -> dict[str, Reading]:
    """What each wish asks for, by the wishes' ids; one that cannot be implemented has a reason.

    A wish is implementable when every clause of it is understood, when some implementable wish creates
    the records it is about, and the records that those refer to.
    """
    reader = Reader(entities)
    read = _without_contradictions({name: _read(text, reader, entities) for name, text in wishes.items()})
    while True:
        made = _creatable(read, entities)
        deleted = _with_operation(read, "delete")
        lacking = {
            name: missing
            for name, reading in read.items()
            if (missing := _missing(reading.operations, made, deleted, entities))
        }
        if not lacking:
            return read
        for name, missing in lacking.items():
            read[name] = Reading((), f"{NEEDS_MODEL}: no story that can be built {missing}")


def _without_contradictions(read: Mapping[str, Reading]) -> dict[str, Reading]:
    """The readings, but for another figure where one stands: another limit of the same, another size of pages."""
    kept: dict[tuple[str, ...], Operation] = {}
    made = dict(read)
    for wish, reading in read.items():
        for item in reading.operations:
            if item.kind not in _ONE_FIGURE or not item.value:
                continue
            told = (item.value.split()[0],) if item.kind == "calculate" else item.attributes
            if kept.setdefault((item.kind, item.entity, *told), item) != item:
                why = f"another {_ONE_FIGURE[item.kind]} of {plural(item.entity)} stands already"
                made[wish] = Reading((), f"{NEEDS_MODEL}: {why}")
    return made


def _with_operation(read: Mapping[str, Reading], kind: Kind) -> set[str]:
    """Entities that some wish asks a kind of operation for."""
    return {item.entity for reading in read.values() for item in reading.operations if item.kind == kind}


def _creatable(read: Mapping[str, Reading], entities: Sequence[Entity]) -> set[str]:
    """Entities that a first record can be made of: everything that it must refer to can be made before."""
    wanted = _with_operation(read, "create")
    needs = {
        entity.name: {item.target for item in entity.attributes if item.target and item.required}
        for entity in entities
    }
    made: set[str] = set()
    while found := {name for name in wanted - made if needs[name] <= made}:
        made |= found
    return made


def _read(text: str, reader: Reader, entities: Sequence[Entity]) -> Reading:
    if rule := read_rule(text, entities):
        return Reading((without_needs(rule),))
    reading = reader.read(text)
    known = {entity.name: {item.name: item for item in entity.attributes} for entity in entities}
    for operation in reading.operations:
        for need in operation.needs:
            attribute = known[operation.entity].get(need.name)
            if attribute is None or not set(need.choices) - {"open"} <= set(attribute.choices):
                return Reading(
                    (), f"{NEEDS_MODEL}: {operation.entity} has no {need.name.replace('_', ' ')} for it"
                )
    operations = tuple(without_needs(operation) for operation in reading.operations)
    return Reading(operations, reading.reason, reading.assumptions)


def _missing(
    operations: Sequence[Operation], made: set[str], deleted: set[str], entities: Sequence[Entity]
) -> str:
    by_name = {entity.name: entity for entity in entities}
    for operation in operations:
        for attribute in by_name[operation.entity].attributes:
            if attribute.target and attribute.required and attribute.target not in made:
                return f"creates the {attribute.target} that {with_article(operation.entity)} refers to"
        if operation.entity not in made:
            return f"creates {with_article(operation.entity)}"
        if operation.kind in ("restore", "deleted") and operation.entity not in deleted:
            return f"deletes {with_article(operation.entity)}"
    return ""
