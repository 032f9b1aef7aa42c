"""A document that is added to a brief."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.extending import extended

BRIEF = read_brief(
    b"# Seeds\n\n## Features\n\n- User can add a packet\n\n## Entities\n\n- Packet: name, year\n", "seeds.md"
)


def test_what_it_says_is_added_and_what_was_said_stays() -> None:
    added = read_brief(
        b"---\nkey: other\nbudget: {usd: 99}\n---\n# Part two\n\n## Features\n\n- User can delete a packet\n"
        b"- User can add a packet\n"
        b"\n## Entities\n\n- Packet: year (required), colour\n- Swap: packet\n\n## Constraints\n\n- Names are unique\n",
        "two.md",
    )
    made = extended(BRIEF, added)
    assert (made.key, made.title, made.budget) == (BRIEF.key, BRIEF.title, BRIEF.budget)
    assert made.features == ("User can add a packet", "User can delete a packet")
    assert {e.name: [a.name for a in e.attributes] for e in made.entities} == {
        "packet": ["name", "year", "colour"], "swap": ["packet"],
    }  # fmt: skip
    assert next(a for a in made.entities[0].attributes if a.name == "year").required
    assert made.constraints == ("Names are unique",)
    ids = [section.id for section in made.sections]
    assert ids[: len(BRIEF.sections)] == [s.id for s in BRIEF.sections] and "features-2" in ids


def test_what_is_read_from_prose_stays_read() -> None:
    prose = read_brief(b"# Seeds\n\nUsers can add a packet with a name.\n", "a.md")
    made = extended(prose, read_brief(b"# More\n\n## Features\n\n- User can delete a packet\n", "b.md"))
    assert made.features == () and "add a packet" in made.vision and "delete a packet" in made.vision


def test_too_much_is_refused_with_the_fix() -> None:
    many = BRIEF.model_copy(update={"features": tuple(f"User can add thing {n}" for n in range(1000))})
    with pytest.raises(IdeaError, match="features: would have 1001 entries") as caught:
        extended(many, BRIEF)
    assert "Submit the whole brief again" in caught.value.fix


@given(st.lists(st.sampled_from(["Features", "Entities", "Notes", "Features"]), max_size=6))
def test_ids_of_sections_are_never_used_twice(headings: list[str]) -> None:
    text = "# More\n\n" + "".join(f"## {name}\n\nWords.\n\n" for name in headings)
    made = BRIEF
    for _ in range(3):
        made = extended(made, read_brief(text.encode(), "more.md"))
    ids = [section.id for section in made.sections]
    assert len(ids) == len(set(ids))
