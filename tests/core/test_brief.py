"""What of a brief a requirement takes up, and what nothing takes up."""

import pytest

from hishamos_pipeline.core.artifacts.brief import demands, excerpt, not_taken_up, sections_quoted
from hishamos_pipeline.core.artifacts.documents import Requirement, Requirements
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity, Idea, Section, SprintRules

SECTIONS = (
    Section(id="1", title="1. Adding", level=2, text="## 1. Adding\n\n- Add a **note**\n  with a title.\n"),
    Section(id="2", title="2. Nulls", level=2, text="## 2. Nulls\n\nAn empty title must be refused.\n"),
    Section(id="story", title="Story", level=2, text="## Story\n\nIt began in spring.\n"),
    Section(id="out", title="Out of scope", level=2, text="## Out of scope\n\n- Sync\n", excludes=True),
    Section(id="users", title="Users", level=2, text="## Users\n\n- clerk\n", meaning="users"),
)


def requirements(*cited: str) -> Requirements:
    listed = tuple(
        Requirement(id=f"REQ-00{n}", kind="functional", title=name, statement="S", acceptance=("A",), sections=(name,))
        for n, name in enumerate(cited, start=1)
    )  # fmt: skip
    return Requirements(
        title="T", summary="S.", licence="MIT", author="", sprint=SprintRules(), requirements=listed, entities=(),
        brief=SECTIONS, assumptions=("one user",),
    )  # fmt: skip


def test_what_no_requirement_cites_is_named() -> None:
    assert not_taken_up(requirements("1")) == ("2. Nulls",)
    assert not_taken_up(requirements("1", "2")) == ()


def test_an_excerpt_has_the_sections_of_what_is_served_and_what_holds_for_all() -> None:
    found = excerpt(requirements("1", "2"), {"REQ-002"})
    assert [section.id for section in found.sections] == ["2"]
    assert found.assumptions == ("one user",)
    assert [section.id for section in excerpt(requirements("1", "2")).sections] == ["1", "2"]


@pytest.mark.parametrize(
    ("quote", "found"),
    [("add a note with a title", ("1",)), ("Empty title", ("2",)), ("a calendar", ()), ("", ()), ("…", ())],
)
def test_a_quote_is_found_whatever_its_markup(quote: str, found: tuple[str, ...]) -> None:
    assert sections_quoted(SECTIONS, quote) == found


def test_prose_that_asks_for_nothing_is_no_demand() -> None:
    assert [section.id for section in SECTIONS if not demands(section)] == ["story"]


def test_a_brief_of_fields_is_written_out() -> None:
    entity = Entity(
        name="book",
        attributes=(
            Attribute(name="isbn", required=True, unique=True),
            Attribute(name="year", type="integer", minimum=1450, maximum=2100),
            Attribute(name="status", type="choice", choices=("in", "out")),
        ),
    )
    idea = Idea(key="k", title="Shop", vision="Sells.", features=("add\na thing",), entities=(entity,))
    (section,) = idea.whole
    assert section.text == (
        "# Shop\n\nSells.\n\n## Features\n\n- add a thing\n\n## Entities\n\n"
        "- book: isbn (required, unique, text), year (integer, >= 1450, <= 2100), status (in | out)\n"
    )
