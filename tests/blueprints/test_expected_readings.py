"""Statements with the readings that a person has expected of them: what is read is read right, or not at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hishamos_pipeline.blueprints.planning.backlog import readings
from hishamos_pipeline.blueprints.reading.domain import read_domain
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.intake.attributes import parse_entity, resolve_references

TABLE = Path(__file__).with_name("readings.txt")
LEFT, COULD_BE_READ = "-", "*"


def expected() -> Iterator[tuple[tuple[Entity, ...], str, str]]:
    """Each statement with the entities of its brief and its reading."""
    given: list[Entity] = []
    begins = True
    for line in TABLE.read_text().splitlines():
        if line.startswith("="):
            given = [] if begins else given
            given.append(parse_entity(line[1:].strip()))
            begins = False
        elif line and not line.startswith("#"):
            begins = True
            statement, _, reading = line.partition(" -> ")
            yield resolve_references(given), statement, reading


def read(statement: str, given: Sequence[Entity]) -> str:
    """What a statement is read as where all entities can be created and deleted, and what it adds to them."""
    creators = tuple(f"Users can add a {entity.name}" for entity in given)
    before = _attributes(read_domain(given, creators, (), "").entities)
    entities = read_domain(given, (*creators, statement), (), "").entities
    others = (*creators, *(f"Users can delete a {entity.name}" for entity in given))
    wishes = {"wish": statement, **{str(number): text for number, text in enumerate(others)}}
    operations = readings(wishes, entities)["wish"].operations
    if not operations:
        return LEFT
    added = [f"{name}.{_told(item)}" for name, item in _attributes(entities) if (name, item) not in before]
    return "; ".join(map(_operation, operations)) + (f"  + {', '.join(added)}" if added else "")


def _operation(item: Operation) -> str:
    value = f" ={item.value}" if item.value else ""
    return f"{item.kind} {item.entity} {','.join(item.attributes)}".strip() + value


def _attributes(entities: Sequence[Entity]) -> list[tuple[str, Attribute]]:
    return [(entity.name, item) for entity in entities for item in entity.attributes]


def _told(item: Attribute) -> str:
    bounds = f"[{item.minimum}..{item.maximum}]" if (item.minimum, item.maximum) != (None, None) else ""
    after = f">{item.after}" if item.after else ""
    choices = "".join(f"|{choice}" for choice in item.choices)
    return f"{item.name}:{item.type}{'!' * item.required}{'u' * item.unique}{bounds}{choices}{after}"


@pytest.mark.parametrize(("given", "statement", "reading"), list(expected()))
def test_a_statement_is_read_right_or_left_to_a_model(
    given: Sequence[Entity], statement: str, reading: str
) -> None:
    assert read(statement, given) == (LEFT if reading == COULD_BE_READ else reading)


def test_the_table_is_long_and_its_statements_differ() -> None:
    statements = [(given, statement) for given, statement, _ in expected()]
    assert len(statements) >= 300
    assert len({(tuple(item.name for item in given), statement) for given, statement in statements}) == len(
        statements
    )
