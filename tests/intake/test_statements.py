"""What each statement of a document is, however its author writes: by its form, its section, and what stands above."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.headings import excludes_by_name, meaning_of, words_of
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.statements import read_statements
from hishamos_pipeline.intake.wording import external_id

ADD, LIST = "Gardeners can add a packet with a name", "Gardeners can list packets"


def read(text: str) -> Idea:
    return read_brief(text.encode(), "seeds.md")


def kinds(text: str) -> list[tuple[int, str, str]]:
    return [(item.line, item.kind, item.text) for item in read_statements(read_blocks(text))]


def test_every_statement_is_something() -> None:
    text = f"""# Seeds

Swap seeds.

## Users

- Gardener: who swaps

## Features

- {ADD}
- {LIST}

## Entities

- Packet: name, year

## Rules

- A packet's name must be unique

```
- {ADD}
```

## Out of scope

- Gardeners can delete a packet

Nobody pays.
"""
    assert kinds(text) == [
        (3, "prose", "Swap seeds."),
        (7, "user", "Gardener"),
        (11, "feature", ADD),
        (12, "feature", LIST),
        (16, "entity", "Packet: name, year"),
        (20, "constraint", "A packet's name must be unique"),
        (22, "code", f"- {ADD}\n"),
        (28, "excluded", "Gardeners can delete a packet"),
        (30, "excluded", "Nobody pays."),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "**User Story:** As a gardener, I want to add a packet, so that others find it.",
        "As a gardener  \nI want to add a packet  \nSo that others find it",
        "**As a** gardener **I want** to add a packet **so that** others find it",
        "- As a gardener\n- I want to add a packet\n- so that others find it",
        "| As a | I want to | So that |\n|---|---|---|\n| gardener | add a packet | others find it |",
        "| ID | User story |\n|---|---|\n| US-1 | As a gardener, I want to add a packet, so that others find it |",
    ],
)
def test_a_story_in_each_of_its_forms(body: str) -> None:
    from hishamos_pipeline.blueprints.reading.text import statement

    (feature,) = read(f"# Seeds\n\n## Requirements\n\n{body}\n").features
    said = statement(feature)
    assert (said.actor, said.want, said.benefit) == ("gardener", "add a packet", "others find it")


KIRO = """# Requirements Document

## Introduction

Seeds are swapped.

## Requirements

### Requirement 1: Packets

**User Story:** As a gardener, I want to add a packet with a name, so that others find it.

#### Acceptance Criteria

1. WHEN a gardener adds a packet THEN the system SHALL list it
2. IF the name is empty THEN THE SYSTEM SHALL refuse the packet

### Requirement 2

**User Story:** As a gardener, I want to list packets, so that I can choose.
"""
SPEC_KIT = f"""# Feature Specification: Seeds

### User Story 1 - Add a packet (Priority: P2)

A gardener adds a packet with a name. It matters.

**Why this priority**: it comes first

**Acceptance Scenarios**:

1. **Given** no packets, **When** a gardener adds one, **Then** it is listed

### Edge Cases

- What happens when the name is empty?

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: {LIST}

### Key Entities *(include if feature involves data)*

- **Packet**: A packet of seeds. Key attributes: name, year
- **Bed**: Represents a place in the garden
"""
OPENSPEC = """# Lending Specification

## Purpose

To lend.

## Requirements

### Requirement: Borrowing

The system SHALL allow members to add a loan with a title.

#### Scenario: A book

- **WHEN** a member borrows
- **THEN** it is lent
"""
BMAD = f"""# Seeds PRD

## Requirements

### Functional

1. FR1: {ADD}
2. FR2: {LIST}

### Non Functional

1. NFR1: It answers within a second

## Epic 1: Packets

### Story 1.1: Delete a packet

As a gardener,
I want to delete a packet,
so that it is gone.

#### Acceptance Criteria

1. It is asked for again
"""


def test_what_tools_for_specifications_write() -> None:
    kiro = read(KIRO)
    assert kiro.features == (
        "User Story: As a gardener, I want to add a packet with a name, so that others find it\n"
        "- WHEN a gardener adds a packet THEN the system SHALL list it\n"
        "- IF the name is empty THEN THE SYSTEM SHALL refuse the packet",
        "User Story: As a gardener, I want to list packets, so that I can choose",
    )
    spec = read(SPEC_KIT)
    assert spec.title == "Seeds"
    assert spec.features == (
        "A gardener adds a packet with a name\n- Priority: P2\n- **Why this priority**: it comes first\n"
        "- **Given** no packets, **When** a gardener adds one, **Then** it is listed",
        f"**FR-001**: {LIST}",
    )
    assert [(item.name, [a.name for a in item.attributes]) for item in spec.entities] == [
        ("packet", ["name", "year"]),
        ("bed", []),
    ]
    assert spec.constraints == ()
    (feature,) = read(OPENSPEC).features
    assert feature == (
        "The system SHALL allow members to add a loan with a title\n- WHEN a member borrows, THEN it is lent"
    )
    bmad = read(BMAD)
    assert bmad.features == (
        f"FR1: {ADD}",
        f"FR2: {LIST}",
        "As a gardener, I want to delete a packet, so that it is gone\n- It is asked for again",
    )
    assert bmad.constraints == ("NFR1: It answers within a second",)


def test_headings_give_priority_and_actor() -> None:
    idea = read(
        "# Seeds\n\n## Users\n\n- Steward\n\n## Features\n\n### Must have\n\n- Users can add a packet\n\n"
        "### Could have\n\n- Users can list packets\n\n### Won't have\n\n- Users can draw\n\n"
        "### Steward\n\n- delete a packet\n\n### As a gardener\n\n- count packets\n"
    )
    assert idea.features == (
        "Users can add a packet\n- Priority: must",
        "Users can list packets\n- Priority: could",
        "delete a packet\n- Actor: steward",
        "count packets\n- Actor: gardener",
    )


def test_a_story_heading_without_a_story_is_the_wish_itself() -> None:
    idea = read("# Seeds\n\n## Features\n\n### US-7: Add a packet\n\nIt is the most important one.\n")
    assert idea.features == ("US-7: Add a packet",)
    named = read("# Seeds\n\n### US-7: Add a packet\n\nAs a gardener, I want to add a packet with a name.\n")
    assert named.features == ("[US-7] As a gardener, I want to add a packet with a name",)
    assert external_id(named.features[0]) == "US-7"


def test_comments_footnotes_and_definitions() -> None:
    idea = read(
        f"# Seeds\n\n<!-- {ADD} -->\n\n## Features\n\n- {LIST}[^1] <!-- {ADD} -->\n\n[^1]: {ADD}\n\n"
        "## Entities\n\nPacket\n: name, year\n"
    )
    assert idea.features == (f"{LIST}[^1]",)
    (packet,) = idea.entities
    assert [item.name for item in packet.attributes] == ["name", "year"]


def test_a_table_of_attributes_and_one_of_entities() -> None:
    idea = read(
        "# Seeds\n\n## Data model\n\n### Packet\n\n| Field | Type | Required | Description |\n|---|---|---|---|\n"
        "| name | string | yes | what it is called |\n| year | integer | no | |\n| sown | varchar(10) | | |\n\n"
        "## Entities\n\n| Entity | Attributes |\n|---|---|\n| Bed | code (unique), size |\n"
    )
    packet, bed = idea.entities
    assert [(a.name, a.type, a.required) for a in packet.attributes] == [
        ("name", "text", True), ("year", "integer", False), ("sown", "text", False),
    ]  # fmt: skip
    assert [(a.name, a.unique) for a in bed.attributes] == [("code", True), ("size", False)]


def test_a_document_whose_first_headings_are_sections() -> None:
    idea = read_brief(
        f"# Overview\n\nSeeds.\n\n# Features\n\n- {ADD}\n\n# Rules\n\n- A rule\n".encode(), "seed-bank.md"
    )
    assert idea.features == (ADD,)
    assert idea.constraints == ("A rule",)
    assert idea.key == "seed-bank"
    assert read_brief(f"# User stories\n\n- {ADD}\n".encode(), "seeds.md").features == (ADD,)


@pytest.mark.parametrize(
    ("title", "meaning"),
    [
        ("🚀 Features", "features"), ("2. Key Features (MVP)", "features"), ("*User Stories*", "features"),
        ("[Requirements]", "features"), ("IV) Business rules:", "constraints"), ("NFRs", "constraints"),
        ("Funktionale Anforderungen", "features"), ("Exigences fonctionnelles", "features"),
        ("Requisitos funcionales", "features"), ("Histórias de usuário", "features"),
        ("Requisiti funzionali", "features"), ("Functionele eisen", "features"), ("Nutzer", "users"),
        ("Wymagania funkcjonalne", "features"), ("Kullanıcı hikayeleri", "features"),
        ("Функциональные требования", "features"), ("المتطلبات الوظيفية", "features"), ("功能需求", "features"),
        ("三、用户故事", "features"), ("ユーザーストーリー", "features"), ("사용자 스토리", "features"),
        ("Glossary", "background"), ("Datenmodell", "entities"), ("Acceptance Criteria", "acceptance"),
        ("Akzeptanzkriterien", "acceptance"), ("Scenario: a lent book", "acceptance"), ("Weather", ""),
    ],
)  # fmt: skip
def test_names_of_sections(title: str, meaning: str) -> None:
    assert meaning_of(words_of(title)) == meaning


@pytest.mark.parametrize(
    "title",
    ["Nicht im Umfang", "Hors périmètre", "Fuera de alcance", "Fora do escopo", "Fuori ambito", "Buiten scope",
     "Poza zakresem", "Kapsam dışı", "Вне рамок", "خارج النطاق", "范围外", "対象外", "범위 외"],
)  # fmt: skip
def test_what_is_not_asked_for_in_other_languages(title: str) -> None:
    assert excludes_by_name(words_of(title))


DOCUMENTS = [KIRO, SPEC_KIT, OPENSPEC, BMAD]
_NUMBERS = st.sampled_from(["", "1. ", "2.3 ", "IV) ", "B. "])
_DECORATION = st.sampled_from(["", "🚀 ", "✅ ", "→ "])


@given(st.sampled_from(DOCUMENTS), _NUMBERS, _DECORATION, st.sampled_from(["", " :", " ✨"]))
def test_numbers_and_decoration_of_section_names_change_nothing(
    text: str, number: str, mark: str, end: str
) -> None:
    def decorated(line: str) -> str:
        marks, _, title = line.partition(" ")
        kept = set(marks) != {"#"} or any(character.isdigit() or character == ":" for character in title)
        return line if kept or marks == "#" else f"{marks} {mark}{number}{title}{end}"

    changed = "\n".join(map(decorated, text.split("\n")))
    ours, theirs = read(text), read(changed)
    assert (theirs.features, theirs.constraints, theirs.entities) == (
        ours.features,
        ours.constraints,
        ours.entities,
    )


@given(st.sampled_from(DOCUMENTS), st.integers(20, 60))
def test_wrapping_changes_nothing(text: str, width: int) -> None:
    import textwrap

    def wrapped(line: str) -> str:
        plain = (
            line
            and not line.startswith(("#", "-", "|", "**", "As ", "I want", "so that"))
            and not line[0].isdigit()
        )
        return "\n".join(textwrap.wrap(line, width)) if plain else line

    changed = "\n".join(map(wrapped, text.split("\n")))
    assert read(changed).features == read(text).features


_PIECES = st.sampled_from(
    ["# ", "## ", "### User Story 1", "Features", "Acceptance criteria", "- ", "1. ", "  - ", "|", "---", "\n", "\n\n",
     "```", "> ", "<!--", "-->", ": ", "**", "[^1]", "As a x, I want to y", "Users can add a z", "Priority: P1",
     "(", ")", "é", "中", "\u200d"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=60))
def test_whatever_is_written_is_read_or_refused(pieces: list[str]) -> None:
    try:
        idea = read("".join(pieces))
    except IdeaError:
        return
    assert "".join(section.text for section in idea.sections)
