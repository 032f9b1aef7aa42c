"""Formats of other tools: each is brought into the same Markdown, and what it does not hold is said."""

import io
import json
import zipfile
from pathlib import Path

import pypandoc
import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.guarded import read_guarded
from hishamos_pipeline.settings import Settings
from tests.intake.workbooks import workbook

FEATURE = """# language: en
@loans
Feature: Lending
  As a member
  I want to borrow a book
  So that I can read it at home

  Background:
    Given a library

  Rule: A book is lent once
    Scenario: A lent book
      Given a lent book
      When I borrow it
      Then it is refused

  Scenario Outline: Borrow <title>
    When I borrow <title>
    Then it is lent
    Examples:
      | title |
      | Dune  |
"""


def heads(idea: Idea) -> list[str]:
    return [feature.partition("\n")[0] for feature in idea.features]


def test_gherkin() -> None:
    idea = read_brief(FEATURE.encode(), "lending.feature")
    assert (idea.title, idea.key) == ("Lending", "lending")
    (feature,) = idea.features
    head, *points = feature.split("\n- ")
    assert head == "As a member I want to borrow a book So that I can read it at home"
    assert points == [
        "A lent book: given a library, given a lent book, when I borrow it, then it is refused",
        "Borrow <title>: given a library, when I borrow <title>, then it is lent",
    ]
    assert idea.constraints == ("A book is lent once",)
    assert "| Dune  |" in idea.sections[-1].text  # examples are there for whoever tests


def test_gherkin_of_another_language_and_without_a_name() -> None:
    text = """# language: de
Funktionalität: Ausleihe
  Szenario: Ein Buch
    Wenn ich es ausleihe
    Dann ist es weg
"""
    idea = read_brief(text.encode(), "ausleihe.feature")
    assert idea.features == ("Ausleihe\n- Ein Buch: when ich es ausleihe, then ist es weg",)
    assert heads(read_brief(FEATURE.partition("@loans\n")[2].encode())) == heads(
        read_brief(FEATURE.encode(), "a.feature")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [("Scenario: x\n", "is not valid Gherkin: \\(1:1\\)"), ("# nothing\n", "has no feature"),
     ("Feature: x\n Scenario: y\n  Given z\n  what?\n", "\\(4:3\\)")],
)  # fmt: skip
def test_what_is_no_gherkin_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(IdeaError, match=said):
        read_brief(text.encode(), "a.feature")


JIRA = """Issue key,Summary,Issue Type,Status,Priority,Epic Link,Description,Acceptance Criteria
SB-1,Gardeners can add a packet with a name,Story,To Do,High,Packets,"Many lines
of text, with a comma","- The name is required
- A message confirms it"
SB-2,Packets,Epic,To Do,,,,
SB-3,List,Story,In Progress,Low,Packets,"As a gardener, I want to list packets, so that I can choose",
SB-4,Gardeners can delete a packet,Story,Done,High,Packets,,
"""


def test_a_backlog_of_jira() -> None:
    idea = read_brief(JIRA.encode(), "seed-bank.csv")
    assert (idea.title, idea.key) == ("Seed bank", "seed-bank")
    assert idea.features == (
        "[SB-1] Gardeners can add a packet with a name\n- Priority: High\n- The name is required\n"
        "- A message confirms it",
        "[SB-3] As a gardener, I want to list packets, so that I can choose\n- Priority: Low",
    )
    text = "".join(section.text for section in idea.sections)
    assert "> Many lines of text, with a comma" in text
    assert "### Already done\n\n- [SB-4] Gardeners can delete a packet" in text
    assert "### Not planned\n\n- [SB-2] Packets" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "azure.csv",
            "ID,Work Item Type,Title,State\n7,User Story,Gardeners can add a packet with a name,New\n",
        ),
        ("linear.csv", "ID;Title;Status\nENG-7;Gardeners can add a packet with a name;Todo\n"),
        ("trello.tsv", "Card Name\tList Name\nGardeners can add a packet with a name\tBacklog\n"),
        ("github.csv", "sep=,\nnumber,title,state\n7,Gardeners can add a packet with a name,open\n"),
        (
            "own.csv",
            "Our backlog,,\n,,\nAs a,I want to,So that\ngardener,add a packet with a name,others find it\n",
        ),
    ],
)
def test_tables_of_other_trackers(name: str, text: str) -> None:
    (feature,) = heads(read_brief(text.encode(), name))
    assert "add a packet with a name" in feature


def test_a_table_without_wishes_names_its_columns() -> None:
    with pytest.raises(IdeaError, match=r"without a column of wishes: it has Colour, Size\."):
        read_brief(b"Colour,Size\nred,2\n", "a.csv")


def test_a_workbook() -> None:
    raw = workbook({
        "Stories": [["Key", "User Story", "Priority"], ["SB-1", "Gardeners can add a packet with a name", 1.0]],
        "Packet": [["Field", "Type", "Required"], ["Name", "text", "yes"], ["Year", "whole number", "no"]],
        "Notes": [["Ask", "Ada"]],
    })  # fmt: skip
    idea = read_brief(raw, "seeds.xlsx")
    assert heads(idea) == ["[SB-1] Gardeners can add a packet with a name"]
    (packet,) = idea.entities
    assert [(item.name, item.type, item.required) for item in packet.attributes] == [
        ("name", "text", True),
        ("year", "integer", False),
    ]
    with pytest.raises(IdeaError, match="is no spreadsheet that can be read"):
        read_brief(b"PK\x03\x04 nonsense", "seeds.xlsx")


def test_stories_of_other_tools() -> None:
    ralph = {
        "project": "Seed bank", "branchName": "x",
        "userStories": [
            {"id": "US-001", "title": "Add", "description": "As a gardener, I want to add a packet with a name.",
             "acceptanceCriteria": ["The name is required"], "priority": 1, "passes": False},
            {"id": "US-002", "title": "Gardeners can list packets", "passes": True},
        ],
    }  # fmt: skip
    idea = read_brief(json.dumps(ralph).encode(), "prd.json")
    assert idea.title == "Seed bank"
    (feature,) = idea.features
    assert feature.startswith("[US-001] As a gardener, I want to add a packet with a name")
    assert "The name is required" in feature
    taskmaster = {"master": {"tasks": [{"id": 1, "title": "Users can add a note", "status": "pending", "details": "x"},
                                       {"id": 2, "title": "Users can list notes", "status": "done"}]}}  # fmt: skip
    assert heads(read_brief(json.dumps(taskmaster).encode(), "notes-tasks.json")) == ["Users can add a note"]
    epics = {
        "name": "Shop",
        "epics": [{"title": "Cart", "stories": [{"title": "Users can add an item", "points": 3}]}],
    }
    assert heads(read_brief(json.dumps(epics).encode(), "a.json")) == ["Users can add an item"]


def test_stories_as_fields_of_ours() -> None:
    text = """title: Seeds
stories:
  - id: US-1
    as_a: gardener
    i_want: add a packet with a name
    so_that: others find it
  - Gardener: can list packets
  - Gardeners can delete a packet
"""
    assert heads(read_brief(text.encode(), "a.yaml")) == [
        "[US-1] As a gardener, I want to add a packet with a name, so that others find it",
        "Gardener can list packets",
        "Gardeners can delete a packet",
    ]


OPENAPI = """openapi: 3.0.0
info: {title: Seed bank, version: "1"}
paths:
  /packets:
    get: {operationId: listPackets}
    post: {summary: Add a packet}
  /packets/{id}:
    delete: {}
components:
  schemas:
    Packet:
      type: object
      required: [name]
      properties:
        id: {type: integer}
        name: {type: string}
        year: {type: integer, minimum: 1900, maximum: 2100}
        state: {type: string, enum: [new, old]}
    Error: {type: object, properties: {detail: {type: string}}}
"""


def test_openapi_schemas_that_are_made_of_others() -> None:
    text = """openapi: 3.1.0
info: {title: Seeds}
paths:
  /packets:
    parameters: [{$ref: '#/components/parameters/Limit'}]
    get:
      summary: List packets
      parameters:
        - {name: colour, in: query, required: true, schema: {type: string}}
        - {name: X-Trace, in: header, schema: {type: string}}
components:
  parameters: {Limit: {name: limit, in: query, schema: {type: integer}}}
  schemas:
    Base: {type: object, required: [name], properties: {name: {type: string}, id: {type: integer}}}
    Packet:
      allOf:
        - {$ref: '#/components/schemas/Base'}
        - {type: object, properties: {year: {type: [integer, 'null'], minimum: 1900}}}
      required: [bed]
      properties: {bed: {allOf: [{$ref: '#/components/schemas/Bed'}]}}
    Bed: {type: object, properties: {title: {type: string}}}
    Loop: {allOf: [{$ref: '#/components/schemas/Loop'}]}
"""
    idea = read_brief(text.encode(), "seeds.yaml")
    assert "- The query may have `limit`, `colour` (required)" in idea.features[0]
    (packet,) = [item for item in idea.entities if item.name == "packet"]
    assert [(item.name, item.type, item.required, item.minimum) for item in packet.attributes] == [
        ("name", "text", True, None), ("year", "integer", False, 1900), ("bed", "reference", True, None),
    ]  # fmt: skip


def test_openapi() -> None:
    idea = read_brief(OPENAPI.encode(), "api.yaml")
    assert (idea.title, idea.stack) == ("Seed bank", "python-api")
    assert idea.features == (
        "Users can list packets\n- The route is `GET /packets`",
        "Users can add a packet\n- The route is `POST /packets`",
        "Users can delete a packet\n- The route is `DELETE /packets/{id}`",
    )
    (packet,) = idea.entities
    assert [(a.name, a.type, a.required, a.minimum, a.choices) for a in packet.attributes] == [
        ("name", "text", True, None, ()),
        ("year", "integer", False, 1900, ()),
        ("state", "choice", False, None, ("new", "old")),
    ]


def test_json_schema_and_sql_are_entities() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Packet", "type": "object",
              "properties": {"name": {"type": "string"}, "sownOn": {"type": "string", "format": "date"}}}  # fmt: skip
    (packet,) = read_brief(json.dumps(schema).encode(), "packet.json").entities
    assert [(a.name, a.type) for a in packet.attributes] == [("name", "text"), ("sown_on", "date")]
    sql = """CREATE TABLE beds (id INT PRIMARY KEY, label TEXT NOT NULL);
    CREATE TABLE packets (id SERIAL PRIMARY KEY, name VARCHAR(50) NOT NULL UNIQUE, bed_id INT REFERENCES beds(id));"""
    bed, packet = read_brief(sql.encode(), "garden.sql").entities
    assert [(a.name, a.required) for a in bed.attributes] == [("label", True)]
    assert [(a.name, a.unique, a.target) for a in packet.attributes] == [
        ("name", True, ""),
        ("bed", False, "bed"),
    ]
    with pytest.raises(IdeaError, match="has no CREATE TABLE"):
        read_brief(b"SELECT 1;", "a.sql")
    with pytest.raises(IdeaError, match="is SQL that cannot be read"):
        read_brief(b"CREATE TABLE (((;", "a.sql")


MARKDOWN = """# Seed bank

## User stories

- Gardeners can add a packet with a name
- Gardeners can list packets

## Out of scope

- Gardeners can delete a packet
"""


@pytest.mark.parametrize(
    ("suffix", "target"),
    [("docx", "docx"), ("odt", "odt"), ("rtf", "rtf"), ("rst", "rst"), ("adoc", "asciidoc"), ("org", "org"),
     ("html", "html")],
)  # fmt: skip
def test_documents_of_word_processors_and_other_markups(
    settings: Settings, tmp_path: Path, suffix: str, target: str
) -> None:
    path = tmp_path / f"seed-bank.{suffix}"
    pypandoc.convert_text(MARKDOWN, target, "gfm", outputfile=str(path), extra_args=["--standalone"])
    idea = read_guarded(path.read_bytes(), path.name, settings).idea  # within the limits of strangers' briefs
    assert heads(idea) == ["Gardeners can add a packet with a name", "Gardeners can list packets"]
    (note,) = idea.notes
    assert "converted by pandoc" in note and "are lost" in note


def test_a_document_that_is_none() -> None:
    with pytest.raises(IdeaError, match="is no Word that pandoc can read"):
        read_brief(b"PK\x03\x04nonsense", "a.docx")
    with pytest.raises(IdeaError, match="is an archive or a document"):
        read_brief(b"PK\x03\x04nonsense", "a")


def test_pdf() -> None:
    from tests.intake.workbooks import pdf

    idea = read_brief(
        pdf(["Seed bank", "User stories", "• Gardeners can add a packet with a name"]), "seeds.pdf"
    )
    assert idea.title == "Seed bank"
    assert heads(idea) == ["Gardeners can add a packet with a name"]
    assert "only its text is read" in idea.notes[0]
    with pytest.raises(IdeaError, match="is a PDF without text"):
        read_brief(pdf([]), "scan.pdf")
    with pytest.raises(IdeaError, match="is no PDF that can be read"):
        read_brief(b"%PDF-1.7 nonsense", "a.pdf")


def test_a_workbook_that_would_fill_the_memory_is_refused() -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 201_000_000)
    with pytest.raises(IdeaError, match="bytes when unpacked"):
        read_brief(raw.getvalue(), "a.xlsx")
