"""Every format of a brief, and every way in which one can be wrong."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.source import detect_format

MARKDOWN = b"""---
author: Ada
sprint: {length_days: 7, capacity: 12}
exports: [zip]
---
# The Shop

Sells *things*.

## User stories
- User can add a product
- User can list products
  - oldest first

## Users
- clerk

## Constraints
- A product's price must be positive

## Entities
- Product: name, price (decimal, >= 1), sku (unique)
"""


def test_markdown() -> None:
    idea = read_brief(MARKDOWN, "shop.md")
    assert (idea.key, idea.title, idea.author, idea.exports) == ("the-shop", "The Shop", "Ada", ("zip",))
    assert idea.features == ("User can add a product", "User can list products\n- oldest first")
    assert idea.users == ("clerk",)
    assert idea.constraints == ("A product's price must be positive",)
    assert idea.vision == "Sells *things*."
    assert (idea.sprint.length_days, idea.sprint.capacity) == (7, 12)
    (product,) = idea.entities
    assert [(a.name, a.type, a.unique, a.minimum) for a in product.attributes] == [
        ("name", "text", False, None),
        ("price", "decimal", False, 1),
        ("sku", "text", True, None),
    ]


def test_yaml_json_and_markdown_say_the_same() -> None:
    fields = {
        "title": "Shop",
        "features": ["User can add a product"],
        "users": ["clerk"],
        "licence": "Apache-2.0",
    }
    from_json = read_brief(json.dumps(fields).encode(), "x.json")
    from_yaml = read_brief(
        b"title: Shop\nfeatures: [User can add a product]\nusers: [clerk]\nlicence: Apache-2.0\n", "x.yaml"
    )
    from_markdown = read_brief(
        b"---\nlicence: Apache-2.0\n---\n# Shop\n\nUsers:\n- clerk\n\nFeatures:\n- User can add a product\n"
    )
    assert from_json == from_yaml
    assert from_json.model_copy(update={"sections": from_markdown.sections}) == from_markdown
    assert [section.id for section in from_json.sections] == ["shop", "users", "features"]


def test_one_line() -> None:
    idea = read_brief(b"A to-do list where users can add, complete and delete tasks.")
    assert (idea.key, idea.title) == ("to-do-list", "To-do list")
    assert "complete" in idea.vision


def test_entities_as_mapping_and_reference() -> None:
    idea = read_brief(
        b"title: T\nentities:\n  book: {title: required, year: 'optional, 1450-2100'}\n"
        b"  loan: 'book, due date'\n"
    )
    book, loan = idea.entities
    assert (book.attributes[1].minimum, book.attributes[1].maximum) == (1450, 2100)
    assert (loan.attributes[0].type, loan.attributes[0].target) == ("reference", "book")
    assert loan.attributes[1].type == "date"


def test_a_title_without_latin_letters_gets_a_key() -> None:
    idea = read_brief("# مكتبة\n\n- يمكن للمستخدم إضافة كتاب\n".encode())
    assert (idea.title, idea.key) == ("مكتبة", "mktbh")
    assert read_brief("# 图书馆\n".encode()).key == "tushuguan"
    assert read_brief("# 图书馆\n".encode(), "library-prd.md").key == "library-prd"
    assert read_brief("# ★★★\n".encode()).key.startswith("idea-")


def test_markup_and_templates_stay_text() -> None:
    idea = read_brief(
        b"# {{ 7*7 }} <b>x</b>\n\n{% include 'x' %}\n\n## Features\n- User can add a {{ 7*7 }}\n"
    )
    assert idea.title == "{{ 7*7 }} <b>x</b>"
    assert idea.features == ("User can add a {{ 7*7 }}",)


def test_control_characters_written_as_escapes_are_dropped() -> None:
    assert read_brief(b'title: "a\\e]0;pwn\\ab\\0"', "x.yaml").title == "a]0;pwnb"
    assert read_brief(b'{"title": "a\\u001b[31mb\\u0000"}', "x.json").title == "a[31mb"


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    idea = read_brief(b"\xef\xbb\xbf# T\r\n\r\n## Features\r\n- User can add a note\r\n")
    assert idea.features == ("User can add a note",)


@pytest.mark.parametrize(
    ("raw", "name", "field", "problem"),
    [
        (b"", "", "brief", "is empty"),
        (b"  \n ", "", "brief", "is empty"),
        (b"\x00\x01\x02", "", "brief", "is binary"),
        (b"\xff\xfe# T", "", "brief", "is not UTF-8"),
        (b"x" * 1_000_001, "", "brief", "is larger than 1,000,000 bytes"),
        (b"## Features\n- User can add a note\n\nMore", "x.md", "title", "is missing"),
        (b"{}", "x.json", "title", "is missing"),
        (b"title: T\ntitle: U\n", "x.yaml", "title", "is given twice"),
        (b'{"title": "T", "title": "U"}', "x.json", "title", "is given twice"),
        (b"title: T\ncolour: red\n", "x.yaml", "colour", "is not a field"),
        (b"title: T\nstories: [a]\nfeatures: [b]\n", "x.yaml", "features", "mean the same"),
        (b"a: &x [1]\ntitle: *x\n", "x.yaml", "brief", "anchor"),
        (b"title: *x\n", "x.yaml", "brief", "alias"),
        (b"title: !!python/object/apply:os.system [id]\n", "x.yaml", "brief", "tag"),
        (b"title: [\n", "x.yaml", "brief", "is not valid YAML"),
        (b"{title: T", "x.json", "brief", "is not valid JSON"),
        (b'{"title": NaN}', "x.json", "brief", "NaN"),
        (b"[" * 100_000, "x.json", "brief", "nested too deeply"),
        (b"- a\n- b\n", "x.yaml", "brief", "is not a mapping"),
        (b"title: T\nlicence: GPL\n", "x.yaml", "licence", "Input should be"),
        (
            b"title: T\ngithub: {ownr: x}\n",
            "x.yaml",
            "github.ownr",
            "is not a field (line 2, column 10). Known are acc",
        ),
        (b"title: T\ngithub: {protection: true}\n", "x.yaml", "github.protection", "below it: approvals"),
        (b"title: T\ngithub: {host: 'https://x'}\n", "x.yaml", "github.host", "never a URL"),
        (
            b"title: T\ngitlab: {branches: [{name: hishamos/update}]}\n",
            "x.yaml",
            "gitlab.branches.0.name",
            "proposals",
        ),
        (
            b"title: T\ngithub: {variables: {bad-name: x}}\n",
            "x.yaml",
            "github.variables.bad-name",
            "letters, digits",
        ),
        (b"title: T\nexports: [ftp]\n", "x.yaml", "exports.0", "Input should be"),
        (b"title: T\nsprint: {capacity: 0}\n", "x.yaml", "sprint.capacity", "greater than"),
        (b"title: T\nkey: Not A Key\n", "x.yaml", "key", "try 'not-a-key'"),
        (b"title: T\nkey: ../../etc\n", "x.yaml", "key", "a key is"),
        (b"title: T\nentities: ['Book: title (blue)']\n", "x.yaml", "entities", "'blue'"),
        (b"title: T\nentities: ['Book: a', 'book: b']\n", "x.yaml", "entities", "described twice"),
        (b"title: " + b"x" * 201, "x.yaml", "title", "at most 200"),
        (b"---\n- a\n---\n# T\n", "x.md", "brief", "front matter"),
        (b"---\nfeatures: [a]\n---\n# T\n\n## Features\n- b\n", "x.md", "features", "both"),
        (b"title: 2024-13-45\n", "x.yaml", "brief", "bad value"),
    ],
)
def test_a_bad_brief_gets_an_error_of_its_own(raw: bytes, name: str, field: str, problem: str) -> None:
    with pytest.raises(IdeaError, match=re.escape(problem)) as caught:
        read_brief(raw, name)
    assert caught.value.field == field
    assert caught.value.fix


def test_too_many_features() -> None:
    lines = b"".join(b"- User can add a thing%d\n" % n for n in range(501))
    with pytest.raises(IdeaError, match="501 entries, the limit is 500"):
        read_brief(b"# T\n\n## Features\n" + lines)


def test_formats_are_told_apart_without_a_name() -> None:
    assert detect_format('{"title": 1}') == "json"
    assert detect_format("title: x\nusers: []") == "yaml"
    assert detect_format("# T\n\ntext") == "markdown"
    assert detect_format("An idea") == "line"


@given(st.binary(max_size=300), st.sampled_from(["x.md", "x.yaml", "x.json", ""]))
def test_whatever_comes_in_an_idea_or_a_clear_error_comes_out(raw: bytes, name: str) -> None:
    try:
        assert isinstance(read_brief(raw, name), Idea)
    except IdeaError as error:
        assert error.field
        assert error.fix


def test_the_examples_are_good_briefs() -> None:
    folder = Path(__file__).parents[2] / "examples" / "ideas"
    ideas = [read_brief(path.read_bytes(), path.name) for path in sorted(folder.iterdir())]
    assert len(ideas) >= 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le-bom", "utf-8-sig", "utf-8-two-boms"])
def test_marks_of_encodings_are_no_content(encoding: str) -> None:
    text = "# Seeds\n\n## Features\n- User can add a packet\n"
    raw = {
        "utf-16": text.encode("utf-16"), "utf-16-le-bom": b"\xff\xfe" + text.encode("utf-16-le"),
        "utf-8-sig": text.encode("utf-8-sig"), "utf-8-two-boms": ("\ufeff\ufeff" + text).encode(),
    }[encoding]  # fmt: skip
    idea = read_brief(raw, "seeds.md")
    assert (idea.key, idea.features) == ("seeds", ("User can add a packet",))


@pytest.mark.parametrize(
    ("title", "file", "key"),
    [
        ("Seed bank", "prd.md", "seed-bank"), ("Product Requirements Document", "seed-bank.md", "seed-bank"),
        ("User Stories", "docs/seed_bank.md", "seed-bank"), ("PRD", "seeds.md", "seeds"),
        ("种子银行（PRD）", "seeds.md", "seeds"), ("种子银行", "seeds.md", "seeds"),
        ("Überblick", "x/brief.md", "uberblick"),
    ],
)  # fmt: skip
def test_a_title_that_many_have_gives_no_key(title: str, file: str, key: str) -> None:
    assert read_brief(f"# {title}\n\n- User can add a note\n".encode(), file).key == key


def test_two_documents_of_one_title_are_two_projects() -> None:
    one, other = (
        read_brief(f"# PRD\n\n## Features\n- User can add a {word}\n".encode()) for word in ("note", "trip")
    )
    assert one.key != other.key and one.key.startswith("prd-")


def test_a_document_without_a_title_has_its_files() -> None:
    idea = read_brief(b"## User stories\n- User can add a packet\n", "seed-bank.md")
    assert (idea.title, idea.key) == ("Seed bank", "seed-bank")
    with pytest.raises(IdeaError, match="title: is missing"):
        read_brief(b"## User stories\n- User can add a packet\n", "requirements.md")


def test_a_title_may_be_a_number() -> None:
    assert read_brief(b"title: 2048\nfeatures: [User can add a tile]\n", "game.yaml").title == "2048"


def test_unknown_fields_are_named_at_once() -> None:
    with pytest.raises(
        IdeaError,
        match=r"^id: is not a field.*; status: is not.*; tags: is not a field of a brief \(line 4, column 1\)",
    ):
        read_brief(b"title: Seeds\nid: 1\nstatus: draft\ntags: [a]\n", "seeds.yaml")


def test_what_other_tools_keep_in_front_matter_is_kept_with_one_note() -> None:
    idea = read_brief(b"---\nid: 1\nstatus: draft\ntags: [a]\nauthor: Ada\n---\n# Seeds\n", "seeds.md")
    assert idea.metadata == {"id": "1", "status": "draft", "tags": "['a']"}
    assert idea.author == "Ada"
    (note,) = idea.notes
    assert "id, status, tags" in note


def test_a_slip_in_front_matter_is_an_error() -> None:
    with pytest.raises(IdeaError, match="exprots: is not a field"):
        read_brief(b"---\nexprots: [zip]\n---\n# Seeds\n", "seeds.md")


@pytest.mark.parametrize(
    ("title", "subject"),
    [("PRD: Seed bank", "Seed bank"), ("Feature Specification: Seed bank", "Seed bank"),
     ("Seed bank - PRD", "Seed bank"), ("Seed bank | Requirements", "Seed bank"),
     ("Software Requirements Specification for Seed bank", "Seed bank"), ("Seeds: a bank", "Seeds: a bank"),
     ("PRD", "PRD"), ("Tools for gardens", "Tools for gardens")],
)  # fmt: skip
def test_the_kind_of_document_is_no_part_of_a_title(title: str, subject: str) -> None:
    assert read_brief(f"# {title}\n\nText.\n".encode()).title == subject


def test_marks_of_lists_are_no_words_and_nested_points_are_points() -> None:
    text = """# Seeds

## Features
- [ ] User can add a packet
  - The name is required
  - A message
    confirms it
- [x] User can list packets

## Users

• Gardeners
‣ Stewards
"""
    idea = read_brief(text.encode(), "seeds.md")
    assert idea.features == (
        "User can add a packet\n- The name is required\n- A message confirms it",
        "User can list packets",
    )
    assert idea.users == ("Gardeners", "Stewards")
    assert "".join(section.text for section in idea.sections) == text
