"""The tree of sections of a brief."""

import time
from textwrap import dedent

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.sections import excludes_by_name, read_blocks, words_of
from hishamos_pipeline.intake.source import decode

LINES = st.sampled_from(
    ["# T", "## 2. Data", "### 2.1 More", "**Out of scope**", "Non-goals:", "- a", "  - b", "```", "a\u2028b", "",
     "    code", "1. x", "> q", "| a |", "Setext", "======", "---", "\t- tab", "## 2. Data"]
)  # fmt: skip


@given(st.lists(LINES, max_size=25).map("\n".join))
@example("\n\n# T")
@example("")
def test_nothing_of_the_text_is_lost_and_ids_are_unique(text: str) -> None:
    sections = [block.section for block in read_blocks(text)]
    assert "".join(section.text for section in sections) == text
    assert len({section.id for section in sections}) == len(sections)
    for section in sections[1:]:
        assert section.title or section.level


@given(st.text(max_size=300))
def test_any_text_is_kept_whole(text: str) -> None:
    try:
        clean = decode(text.encode(), 10_000)
    except (UnicodeEncodeError, IdeaError):  # what is refused has no sections
        return
    assert "".join(block.section.text for block in read_blocks(clean)) == clean


def test_ids_are_the_authors_numbers_or_slugs() -> None:
    text = dedent(
        """\
        Before.

        # The Shop

        ## 2. Entities

        ### 2.1 `Book`

        ## IV) Rules

        ## Rules

        ## 图书馆
        """
    )
    found = [(block.section.id, block.section.level, block.section.meaning) for block in read_blocks(text)]
    assert found == [
        ("brief", 0, ""),
        ("the-shop", 1, ""),
        ("2", 2, "entities"),
        ("2.1", 3, "entities"),
        ("rules", 2, "constraints"),
        ("rules-2", 2, "constraints"),
        ("section", 2, ""),
    ]


@pytest.mark.parametrize(
    "title",
    ["Out of scope", "8. Out of Scope", "**Non-Goals**", "Won't have (this time)", "Future work", "Competitors",
     "Non-goals / Future work", "Risks and mitigations", "Open Questions:", "What it does not do", "Not planned",
     "Out-of-scope", "What we will not do", "What this won't do"],
)  # fmt: skip
def test_sections_that_exclude_are_known_by_name(title: str) -> None:
    assert excludes_by_name(words_of(title))


@pytest.mark.parametrize(
    "title", ["Scope", "Scope and out of scope", "Risk register", "Goals", "Future-proof storage", ""]
)
def test_others_are_not(title: str) -> None:
    assert not excludes_by_name(words_of(title))


def test_a_title_and_what_is_below_features_exclude_only_without_doubt() -> None:
    idea = read_brief(
        b"# Risk Assessment\n\n## Features\n\n### Competition\n- User can add a risk\n\n### Out of scope\n- Mail\n"
    )
    assert idea.features == ("User can add a risk",)
    assert [section.id for section in idea.sections if section.excludes] == ["out-of-scope"]


def test_many_equal_headings_take_no_longer_each() -> None:
    begun = time.monotonic()
    sections = [block.section.id for block in read_blocks("## a\n" * 2_000)]
    assert len(set(sections)) == 2_000
    assert time.monotonic() - begun < 60, "it took the time of a search for each"


def test_what_is_out_of_scope_is_no_wish_at_any_depth() -> None:
    idea = read_brief(
        dedent(
            """\
            # Seeds

            Gardeners can list packets.

            ## Features

            ### Gardener
            - Gardener can add a packet

            ## 7. Out of scope

            Gardeners can send mail.

            ### Later
            - Gardener can share a packet

            ## Notes

            Non-goals:

            - Gardener can print labels
            """
        ).encode()
    )
    assert idea.features == ("Gardener can add a packet",)
    assert idea.vision == "Gardeners can list packets."
    assert [section.id for section in idea.sections if section.excludes] == ["7", "later", "non-goals"]


def test_code_is_in_the_brief_and_no_wish() -> None:
    text = "# T\n\nUsers can add.\n\n- like so:\n\n  ```\n  User can delete all\n  ```\n\n```\nUser can run\n```\n"
    idea = read_brief(text.encode())
    assert "run" not in idea.vision and "delete" not in idea.vision
    assert "User can delete all" in "".join(section.text for section in idea.sections)


def test_numbered_headings_mean_what_they_say() -> None:
    idea = read_brief(
        b"# T\n\n## 1. User Stories\n- User can add a packet\n\n## 2) Entities\n- Packet: year (1900-2100)\n"
    )
    assert idea.features == ("User can add a packet",)
    assert idea.entities[0].attributes[0].minimum == 1900


def test_what_the_front_matter_says_of_the_product_is_part_of_the_brief() -> None:
    idea = read_brief(
        b"---\nfeatures: [User can add a note]\nauthor: Ada\n---\n# Notes\n\n## Features of today\n\nNone.\n"
    )
    assert [section.id for section in idea.sections] == [
        "notes",
        "features-of-today",
        "notes-given",
        "features",
    ]
    assert "User can add a note" in idea.sections[-1].text and "Ada" not in "".join(
        s.text for s in idea.sections
    )
