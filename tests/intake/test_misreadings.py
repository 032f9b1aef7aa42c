"""What documents say that is no wish, and wishes that are easily lost: each line was read wrongly once."""

import io
import json
import zipfile

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.guarded import read_guarded
from hishamos_pipeline.settings import Settings
from tests.intake.workbooks import workbook

ADD = "Users can add packets"


def read(text: str) -> Idea:
    return read_brief(text.encode(), "seeds.md")


def heads(idea: Idea) -> list[str]:
    return [feature.partition("\n")[0] for feature in idea.features]


@pytest.mark.parametrize(
    "item",
    ["Should users be able to share packets?", "Out of scope: users can pay by card", "TBD", "…", "N/A",
     "Users can delete packets (out of scope)", "~~Users can export packets~~", "Maybe later: users can pay",
     "Won't have: users can pay", "Users can pay (later)"],
)  # fmt: skip
def test_items_that_say_that_they_are_no_wish(item: str) -> None:
    assert heads(read(f"# Seeds\n\n## Features\n\n- {ADD}\n- {item}\n")) == [ADD]


@pytest.mark.parametrize(
    "title",
    ["Out of scope features", "What's out of scope", "Things we won't build", "Phase 2 (future)", "Future phases",
     "Post-MVP", "Deferred", "Icebox", "Stretch goals", "Completed features", "Competitor analysis", "Open questions",
     "Benefits", "Examples", "Tasks", "Dev Notes"],
)  # fmt: skip
@pytest.mark.parametrize("level", ["##", "###"])
def test_sections_that_are_no_wishes_wherever_they_stand(title: str, level: str) -> None:
    if level == "###" and title in ("Competitor analysis",):
        level = "##"  # below features it could be the name of one
    text = f"# Seeds\n\n## Features\n\n- {ADD}\n\n{level} {title}\n\n- Users can delete packets\n- [x] create a table\n"
    assert heads(read(text)) == [ADD]


@pytest.mark.parametrize(
    "sentence",
    ["This can lead to data loss.", "Gardeners may find this confusing.", "Users can currently export CSV.",
     "It can be slow."],
)  # fmt: skip
def test_prose_that_tells_how_things_are(sentence: str) -> None:
    assert heads(read(f"# Seeds\n\n## Features\n\n{sentence}\n\n- {ADD}\n")) == [ADD]


@pytest.mark.parametrize(
    "table",
    [
        f"| Feature | MoSCoW |\n|---|---|\n| {ADD} | Must |\n| Users can pay | Won't have |\n",
        f"| Feature | In scope |\n|---|---|\n| {ADD} | yes |\n| Users can pay | no |\n",
        f"| Feature | Status |\n|---|---|\n| {ADD} | Open |\n| Users can pay | ✅ Done |\n| Users go | Live |\n",
        f"| Requirement | Type |\n|---|---|\n| {ADD} | Story |\n| Data may go | Risk |\n| Who pays? | Question |\n",
        f"| In scope | Out of scope |\n|---|---|\n| {ADD} | Users can pay |\n",
        f"| Feature | Us | SeedCo |\n|---|---|---|\n| Users can pay | no | yes |\n\n- {ADD}\n",
    ],
)
def test_rows_that_are_no_wishes(table: str) -> None:
    assert heads(read(f"# Seeds\n\n## Features\n\n{table}")) == [ADD]


def test_separate_wishes_stay_separate() -> None:
    text = "# Seeds\n\n## Features\n\n- I can add packets\n- I can list packets\n- We can delete packets\n"
    assert len(read(text).features) == 3


def test_scenarios_stay_separate_and_belong_to_their_story() -> None:
    text = """# Seeds

## Requirements

### User Story 1 - Add a packet

A gardener adds a packet to their list.

**Acceptance Scenarios**:

1. **Given** a, **When** b, **Then** c
2. **Given** d, **When** e, **Then** f

# Story 2: Delete a packet

## Story

As a gardener, I want to delete a packet

## Acceptance Criteria

- It is asked for again
"""
    first, second = read(text).features
    assert first.split("\n- ") == [
        "A gardener adds a packet to their list",
        "**Given** a, **When** b, **Then** c",
        "**Given** d, **When** e, **Then** f",
    ]
    assert second == "As a gardener, I want to delete a packet\n- It is asked for again"


@pytest.mark.parametrize(
    "item",
    [
        "- As a gardener, I want to add a packet\n  Acceptance criteria:\n  - the name is required\n",
        "- As a gardener, I want to add a packet\n\n  Acceptance criteria:\n\n  - the name is required\n",
        "- As a gardener, I want to add a packet\n  - Acceptance criteria:\n    - the name is required\n",
    ],
)
def test_criteria_in_an_item_are_no_part_of_its_words(item: str) -> None:
    (feature,) = read(f"# Seeds\n\n## Features\n\n{item}").features
    head, *points = feature.split("\n- ")
    assert head == "As a gardener, I want to add a packet"
    assert "the name is required" in points[-1]


def test_criteria_of_several_wishes_are_rules_of_all() -> None:
    below = "### Acceptance criteria\n\n- A name is asked for\n"
    idea = read(f"# Seeds\n\n## Features\n\n- {ADD}\n- Users can list packets\n\n{below}")
    assert idea.features == (ADD, "Users can list packets")
    assert idea.constraints == ("A name is asked for",)


def test_columns_say_more_of_a_wish() -> None:
    rule = "A name must be unique"
    table = f"| Feature | Description |\n|---|---|\n| Search | Users can search packets by name. {rule}. |\n"
    described = read(f"# Seeds\n\n## Features\n\n{table}")
    assert described.features == (f"Users can search packets by name\n- {rule}",)
    table = (
        "| Actor | Use case | Business rule |\n|---|---|---|\n| Librarian | Lend a book | at most 5 books |\n"
    )
    assert read(f"# Seeds\n\n## Features\n\n{table}").features == (
        "Lend a book\n- Actor: Librarian\n- at most 5 books",
    )


def test_what_follows_a_list_that_is_not_asked_for() -> None:
    text = f"# Seeds\n\nOut of scope:\n- Users can pay\n\nIn scope:\n- {ADD}\n"
    assert heads(read(text)) == [ADD]
    assert heads(
        read(f"# Seeds\n\n## Features\n\nOut of scope:\n- Users can pay\n\nBut these are:\n\n- {ADD}\n")
    ) == [ADD]


@pytest.mark.parametrize("title", ["For launch", "As is", "For example", "As a release"])
def test_headings_that_name_nobody(title: str) -> None:
    (feature,) = read(f"# Seeds\n\n## Features\n\n### {title}\n\n- add packets\n").features
    assert "Actor" not in feature


@pytest.mark.parametrize(
    "text",
    ["The librarian can mark books that may not be lent", "Users can report items they cannot find",
     "Users can list books which must not be lent", "Users can have several profiles"],
)  # fmt: skip
def test_what_comes_after_the_wish_forbids_nothing(text: str) -> None:
    from hishamos_pipeline.blueprints.reading.text import statement

    assert statement(text).is_wish


def test_sheets_are_what_their_names_say() -> None:
    raw = workbook({
        "Stories": [["Story", "Priority"], [ADD, "high"]],
        "Out of scope": [["Feature", "Status"], ["Users can pay", ""]],
        "Team": [["Name", "Role"], ["Ann", "lead"]], "Glossary": [["Name", "Meaning"], ["Packet", "seeds"]],
        "Notes": [["Exported by Jane"]],
    })  # fmt: skip
    assert heads(read_brief(raw, "requirements.xlsx")) == [ADD]
    with pytest.raises(IdeaError, match="without a column of wishes"):
        read_brief(b"Name,Email\nAnn,ann@example.org\n", "team.csv")


def test_trees_say_what_is_done_and_what_is_no_story() -> None:
    done = {"title": "Users can pay", "state": {"name": "Done"}}
    tree = {"stories": [{"title": ADD, "state": {"name": "Open"}}, done],
            "notes": ["Ask Bob about pricing"], "team": ["Ann"]}  # fmt: skip
    idea = read_brief(json.dumps(tree).encode(), "backlog.json")
    assert heads(idea) == [ADD]
    task = {"tasks": [{"title": ADD, "status": "open", "description": "Name must be unique.",
                       "subtasks": [{"title": "create table", "status": "open"}]}]}  # fmt: skip
    (feature,) = read_brief(json.dumps(task).encode(), "seeds-tasks.json").features
    assert feature == f"{ADD}\n- Name must be unique"
    ours = {"title": "Seeds", "features": [{"title": ADD}, {"title": "Users can pay", "status": "done"}]}
    known = read_brief(json.dumps(ours).encode(), "a.json")
    assert heads(known) == [ADD] and "1 of 2 features are done" in known.notes[0]


def test_escapes_and_tables_of_word_processors(settings: Settings) -> None:
    html = (
        f"<h1>Seeds</h1><h2>Features</h2><ul><li>[US-1] {ADD} &gt;= 0</li></ul><h2>User stories</h2>"
        "<table><tr><th>Story</th><th>Priority</th></tr>"
        "<tr><td><p>Users can list packets</p><p>quickly</p></td><td><ul><li>high</li></ul></td></tr></table>"
    )
    idea = read_guarded(html.encode(), "seeds.html", settings).idea
    assert heads(idea) == [f"[US-1] {ADD} >= 0", "Users can list packets; quickly"]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (workbook({"A": [["Story"], [ADD]]}).replace(b"PK\x01\x02", b"PK\x01\x09", 1), "a.xlsx"),
        (b'[{"title":' + b"[" * 500 + b"]" * 500 + b',"b":1}]', "a.json"),
        (b'{"title":"x","features":' + b"[" * 500 + b"]" * 500 + b"}", "a.json"),
        (b"type: object\ntitle: 1\nproperties: 3\n", "a.yaml"),
        (b"a,b\n" * 10, "a.csv"),
        (b"CREATE TABLE a (" + b"(" * 3000, "a.sql"),
    ],
)
def test_damaged_documents_are_refused(raw: bytes, name: str) -> None:
    with pytest.raises(IdeaError):
        read_brief(raw, name)


def test_a_date_in_a_schema_is_text() -> None:
    text = "type: object\ntitle: Seed\nproperties:\n  created:\n    type: string\n    default: 2020-01-01\n"
    assert [entity.name for entity in read_brief(text.encode(), "a.yaml").entities] == ["seed"]


def test_a_far_cell_and_a_huge_text_are_refused(settings: Settings) -> None:
    raw = io.BytesIO(workbook({"A": [["Story"], [ADD]]}))
    with zipfile.ZipFile(raw) as archive:
        parts = {item.filename: archive.read(item) for item in archive.infolist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(IdeaError):
        read_guarded(made.getvalue(), "a.xlsx", settings)
    long = workbook({"Stories": [["Story"], [ADD]], "Out of scope": [["x" * 30_000] for _ in range(100)]})
    with pytest.raises(IdeaError, match="is larger than"):
        read_brief(long, "a.xlsx")


def test_wishes_in_prose_are_counted() -> None:
    text = "# Seeds\n\n" + "\n\n".join(f"Users can add packets number {n}." for n in range(600))
    with pytest.raises(IdeaError, match="has 600 entries, the limit is 500"):
        read(text)


def test_prose_of_a_background_is_mined_for_nothing() -> None:
    from hishamos_pipeline.blueprints.planning.requirements import write_requirements

    text = "# Seeds\n\nUsers can add a packet with a name.\n\n## Problem\n\nGardeners can lose packets.\n"
    made = write_requirements(read(text)).requirements
    assert [item.source for item in made if item.kind == "functional"] == [
        "Users can add a packet with a name"
    ]


SEED = "Gardeners can add a seed with a name"


@pytest.mark.parametrize(
    "text",
    [
        "title: Seeds\nstories:\n  - {id: A-1, as_a: gardener, i_want: add a seed with a name, "
        "acceptance: [Name is required]}\n",
        "title: Seeds\nfeatures:\n  - {title: Gardeners can add a seed with a name, priority: must}\n",
    ],
)
def test_structured_stories_with_criteria_stay_whole(text: str) -> None:
    from hishamos_pipeline.blueprints.planning.explaining import explain

    found = explain(read_brief(text.encode(), "a.yaml"))
    assert [item.read_as for item in found] in (["story", "rule"], ["story", "fact"])


def test_columns_of_jira_with_bullets_in_them() -> None:
    text = (
        "Issue key,Summary,Status,Description,Custom field (Acceptance Criteria)\n"
        f'E-2,{SEED},To Do,"Context first.\n* the name must be unique\n* the name is required",The date is required\n'
    )
    (feature,) = read_brief(text.encode(), "a.csv").features
    assert feature.split("\n- ")[1:] == [
        "The date is required",
        "the name must be unique",
        "the name is required",
    ]


def test_numbers_with_colons_titles_above_stories_and_labels_at_the_end() -> None:
    criteria = read(
        f"# Story 1: Add\n\n{SEED}.\n\n#### Acceptance Criteria\n\n1: The name is required\n2: A rule\n"
    )
    assert criteria.features[0].split("\n- ")[1:] == ["The name is required", "A rule"]
    titled = read(
        "# S\n\n## Stories\n\n**US-01 Add a tool**\nAs a member, I want to add a tool, so that it is known.\n"
    )
    assert titled.features == ("[US-01] As a member, I want to add a tool, so that it is known",)
    assert heads(read(f"# S\n\nBees\nmust have:\n- {SEED}\n")) == [SEED]


def test_the_benefit_may_come_first() -> None:
    from hishamos_pipeline.blueprints.reading.text import statement

    text = "Feature: Hives\n  In order to know\n  As a keeper\n  I want to add a hive with a name\n"
    (feature,) = read_brief(text.encode(), "a.feature").features
    said = statement(feature)
    assert (said.actor, said.want, said.benefit) == ("keeper", "add a hive with a name", "know")


@pytest.mark.parametrize(
    "line",
    ["The librarian shall be able to add a seed", "**Seeds:** gardeners can add a seed", "✅ Add a seed",
     "Gardeners can add a seed [P2]", "It should be possible to add a seed", "Gardeners can add a seed (must have)"],
)  # fmt: skip
def test_wordings_of_one_wish(line: str) -> None:
    from hishamos_pipeline.blueprints.reading.text import statement

    assert statement(line).want.lower() == "add a seed"


@pytest.mark.parametrize("status", ["Deferred", "Postponed", "Future"])
def test_what_is_put_off_is_not_asked_for(status: str) -> None:
    table = (
        f"| Feature | Status | Notes |\n|---|---|---|\n| {ADD} | Open | |\n| Users can pay | {status} | |\n"
    )
    noted = "| Users can sing | Open | Out of scope for v1 |\n"
    assert heads(read(f"# Seeds\n\n## Features\n\n{table}{noted}")) == [ADD]
    assert heads(read(f"# Seeds\n\n## Features\n\n- {ADD}\n- Users can pay. *Out of scope for v1*\n")) == [
        ADD
    ]


def test_rules_in_paragraphs_are_rules() -> None:
    idea = read(f"# Seeds\n\n## Requirements\n\n{SEED}.\nNo two seeds may have the same name.\n")
    assert (heads(idea), idea.constraints) == ([SEED], ("No two seeds may have the same name",))


def test_entities_and_their_attributes_in_each_layout() -> None:
    lists = read(
        "# S\n\n## Data model\n\n### Loan\n\n- borrower: text\n- due date: date\n\n## Entities\n\n- Book: title\n"
    )
    assert [(e.name, [a.name for a in e.attributes]) for e in lists.entities] == [
        ("loan", ["borrower", "due_date"]), ("book", ["title"]),
    ]  # fmt: skip
    rows = "| Tool | name | text |\n| Tool | year | integer |\n"
    table = read(f"# S\n\n## Entities\n\n| Entity | Field | Type |\n|---|---|---|\n{rows}")
    assert [(e.name, [a.name for a in e.attributes]) for e in table.entities] == [("tool", ["name", "year"])]
    item = "- **Packet**: What is swapped. Key attributes: name, status (available, taken)"
    prose = read(f"# S\n\n## Key Entities\n\n{item}\n")
    assert prose.entities[0].attributes[1].choices == ("available", "taken")


def test_checks_of_sql_are_bounds_and_choices() -> None:
    checks = "size INT CHECK (size >= 1 AND size <= 9), kind TEXT CHECK (kind IN ('honey','wax'))"
    sql = f"CREATE TABLE t (name TEXT, {checks});"
    _, size, kind = read_brief(sql.encode(), "a.sql").entities[0].attributes
    assert (size.minimum, size.maximum, kind.choices) == (1, 9, ("honey", "wax"))


def test_stories_by_the_name_of_their_list() -> None:
    tree = {"userStories": [{"id": "A-1", "title": SEED}, {"title": "Users can pay", "outOfScope": True}]}
    assert heads(read_brief(json.dumps(tree).encode(), "a.json")) == [f"[A-1] {SEED}"]
