"""What the rules understand of a line, and what they leave to a language model."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hishamos_pipeline.blueprints.planning.backlog import readings
from hishamos_pipeline.blueprints.planning.requirements import write_requirements
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.domain import features_in_prose, read_domain
from hishamos_pipeline.blueprints.reading.operations import Reader
from hishamos_pipeline.blueprints.reading.rules import read_rule
from hishamos_pipeline.blueprints.reading.text import clauses, statement
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.intake.attributes import parse_attribute, parse_entity, resolve_references
from hishamos_pipeline.intake.wording import plain

ENTITIES = resolve_references(
    [
        parse_entity(
            "book: title, author, isbn (unique), year, price, status: available | lent, tags, favourite"
        ),
        parse_entity("member: name, email"),
        parse_entity("loan: book, member, lent on, due date, assignee (optional)"),
    ]
)


def read(text: str) -> list[tuple[str, str, tuple[str, ...], str]]:
    reading = Reader(ENTITIES).read(text)
    return [(op.kind, op.entity, op.attributes, op.value) for op in reading.operations]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User can add a book", [("create", "book", (), "")]),
        (
            "As a librarian, I want to register a member so that they can borrow",
            [("create", "member", (), "")],
        ),
        ("The librarian records a loan", [("create", "loan", (), "")]),
        (
            "create, edit and delete books",
            [("create", "book", (), ""), ("update", "book", (), ""), ("delete", "book", (), "")],
        ),
        ("User can see all books", [("list", "book", (), "")]),
        ("User can see the list of books", [("list", "book", (), "")]),
        ("User can view a book", [("view", "book", (), "")]),
        ("search books by title or author", [("search", "book", ("title", "author"), "")]),
        ("look up a member", [("search", "member", (), "")]),
        ("filter books by author", [("filter", "book", ("author",), "")]),
        ("list loans by member", [("filter", "loan", ("member",), "")]),
        ("see available books", [("filter", "book", ("status",), "available")]),
        ("sort books by year", [("sort", "book", ("year",), "")]),
        ("change the title of a book", [("update", "book", ("title",), "")]),
        ("mark a book as lent", [("status", "book", ("status",), "lent")]),
        ("mark a book as favourite", [("status", "book", ("favourite",), "favourite")]),
        ("return a loan", [("status", "loan", ("status",), "returned")]),
        ("assign a loan to someone", [("assign", "loan", ("assignee",), "")]),
        ("tag a book", [("tag", "book", ("tags",), "")]),
        ("add tags to a book", [("tag", "book", ("tags",), "")]),
        ("count books", [("count", "book", (), "")]),
        ("see how many books there are by status", [("group", "book", ("status",), "")]),
        ("see the total price of all books", [("total", "book", ("price",), "")]),
        ("see the total price of books by author", [("total", "book", ("price", "author"), "")]),
        ("export books as CSV or JSON", [("export", "book", (), "csv"), ("export", "book", (), "json")]),
        ("import books from csv", [("import", "book", (), "csv")]),
        ("view the history of a book", [("history", "book", (), "")]),
        ("Books are kept between sessions", [("persist", "book", (), "")]),
    ],
)
def test_understood(text: str, expected: list[tuple[str, str, tuple[str, ...], str]]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "User can play chess",
        "User can see a chart of books",
        "Nobody can delete a book",
        "Only librarians can edit a book",
        "The app should never delete a book",
        "No guest can list books",
        "User can delete several books",
        "User can mark several books as lent",
        "User can export books as PDF",
        "User can export books as CSV (encrypted)",
        "User can add a book with one click",
        "User can add a book by voice",
        "User can change the price of a book to zero",
        "User can list books that are nice",
        "User can see how many books there are by isbn",
        "User can sort books by magic",
        "Books are not saved between sessions",
        "Notes are encrypted and kept between sessions",
        "The system recommends books that a member may like",
        "The price follows the formula a * b",
        "يمكن للمستخدم إضافة كتاب",
        "用户可以添加一本书",
        "{{ 7*7 }}",
        "",
    ],
)
def test_not_understood_is_deferred_never_half_done(text: str) -> None:
    reading = Reader(ENTITIES).read(text)
    assert reading.operations == ()
    assert reading.reason.startswith("needs a language model")


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("ISBN must be unique", "isbn", "unique"),
        ("A book's title must not be blank", "title", "required"),
        ("The year must be between 1450 and 2100", "year", "range"),
        ("The due date must be after the lent on", "due_date", "after"),
        ("No two books may have the same title", "title", "unique"),
        ("Every loan must have a due date", "due_date", "required"),
        ("The author is one of a, b or c", "author", "choices"),
    ],
)
def test_rules(text: str, attribute: str, value: str) -> None:
    rule = read_rule(text, ENTITIES)
    assert rule is not None
    assert (rule.kind, rule.attributes, rule.value) == ("rule", (attribute,), value)


@pytest.mark.parametrize(
    "text",
    [
        "Title must be beautiful",
        "The price must be positive",
        "You may not use eval()",
        "Tags must be unique",
    ],
)
def test_no_rule(text: str) -> None:
    assert read_rule(text, ENTITIES) is None


def test_statements_and_clauses() -> None:
    said = statement("As a clerk, I want to add a book, so that it can be found")
    assert (said.actor, said.want, said.benefit) == ("clerk", "add a book", "it can be found")
    gesture = statement("By pressing enter (or a button), the User can submit the note")
    assert gesture.want == "submit the note" and "button" in gesture.assumption
    assert clauses("add, edit and delete notes") == ["add notes", "edit notes", "delete notes"]
    assert plain("**User** can `add` a [note](http://x).") == "User can add a note"
    assert words.plural("to-do") == "to-dos" and words.singular("copies") == "copy"


def test_the_domain_is_read_from_features_and_prose() -> None:
    model = read_domain(
        (),
        [
            "User can add a task with a title and a due date",
            "User can mark a task as done",
            "User can add a comment to a task",
        ],
        ["Title must be unique"],
        "A task has a priority of low, medium or high.",
    )
    task, comment = model.entities
    facts = {attribute.name: attribute for attribute in task.attributes}
    assert facts["due_date"].type == "date"
    assert facts["priority"].choices == ("low", "medium", "high")
    assert facts["status"].choices == ("open", "done")
    assert facts["title"].unique and facts["title"].required
    assert {attribute.name: attribute.target for attribute in comment.attributes}["task"] == "task"
    assert model.assumptions == ("The brief names no attributes of a comment; a text is assumed.",)


def test_an_owner_is_optional_where_another_story_does_without() -> None:
    features = ["User can add a playlist", "User can add a song", "User can add a song to a playlist"]
    song = next(e for e in read_domain((), features, (), "").entities if e.name == "song")
    assert not next(a for a in song.attributes if a.target == "playlist").required


def test_nothing_is_built_that_no_story_creates() -> None:
    found = readings({"a": "list books", "b": "record a loan", "c": "register a member"}, ENTITIES)
    assert "creates a book" in found["a"].reason
    assert "the book that a loan refers to" in found["b"].reason
    assert found["c"].operations


@pytest.mark.parametrize("wish", ["see my loans", "see my loans page by page", "delete my loans"])
def test_whose_they_are_is_the_reason(wish: str) -> None:
    assert "no rule for whose they are" in Reader(ENTITIES).read(wish).reason


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("list books, 10 per page", "list books, 20 per page", "another size of pages of books stands already"),
        ("a member may have at most 3 loans", "a member may have at most 5 loans", "another limit of loans"),
        ("the worth of a book is price plus year", "the worth of a book is price minus year", "another way"),
        ("a member may have at most 3 loans", "a member may have at most 3 loans", ""),
        ("browse books page by page", "list books, 10 per page", ""),
        ("list books, 10 per page", "browse books page by page", ""),
    ],
)  # fmt: skip
def test_of_two_figures_for_the_same_the_second_is_deferred(first: str, second: str, reason: str) -> None:
    creators = ("add a book", "add a member", "add a loan")
    wishes = {str(number): text for number, text in enumerate((*creators, first, second))}
    found = readings(wishes, ENTITIES)
    assert found["3"].operations
    assert reason in found["4"].reason and bool(found["4"].operations) == (not reason)


def test_things_that_need_each_other_cannot_begin() -> None:
    circle = resolve_references([parse_entity("author: name, book"), parse_entity("book: title, author")])
    found = readings({"a": "add an author", "b": "add a book"}, circle)
    assert not found["a"].operations and not found["b"].operations


def test_features_are_found_in_prose() -> None:
    prose = "It is small. The cook can add a recipe. The cook lists recipes. Rain falls."
    assert features_in_prose(prose) == ("The cook can add a recipe", "The cook lists recipes")


@pytest.mark.parametrize("phrase", ["title (blue)", "a | b | c (x)", "(unique)", 'tags: "a" | b'])
def test_attributes_that_cannot_be_read(phrase: str) -> None:
    with pytest.raises(ValueError):
        parse_attribute(phrase)


_PRINTED = """
forms = [[engine.singular_noun(word), engine.plural_noun(word), engine.a(word)] for word in json.load(sys.stdin)]
print(json.dumps(forms))
"""


def test_inflect_without_its_checks_says_the_same() -> None:
    repository = Path(__file__).parents[2]
    texts = [
        path.read_text() for path in (*repository.glob("docs/*.md"), *repository.glob("examples/*/*.md"))
    ]
    known = {*words.VERBS, *words.NOT_RECORDS, *words.PEOPLE, *words.STATES}
    tried = sorted(known.union(*(re.findall(r"[A-Za-z][\w'-]*", text) for text in texts)))
    of_words = (
        "from hishamos_pipeline.blueprints.reading import words\nengine = words._inflect_module().engine()"
    )
    plain = "import inflect\nengine = inflect.engine()"
    said = [
        subprocess.run(
            [sys.executable, "-c", f"import json, sys\n{start}\n{_PRINTED}"],
            input=json.dumps(tried),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for start in (of_words, plain)
    ]
    assert len(tried) > 1000
    assert said[0] == said[1]


def test_inflect_still_checks_its_arguments() -> None:
    """Once this fails, ``words._inflect_module`` is an ordinary import again."""
    module = words._inflect_module()
    assert "@typechecked" in inspect.getsource(module.engine)


@pytest.mark.parametrize(
    ("text", "actor", "want"),
    [
        ("The system shall allow a gardener to add a packet", "gardener", "add a packet"),
        ("The system shall let gardeners list packets", "gardeners", "list packets"),
        ("The application should enable users to track books", "users", "track books"),
        ("The app lets users add notes", "users", "add notes"),
        ("The system must provide a list of packets", "user", "list packets"),
        ("The platform shall be able to send a reminder", "user", "send a reminder"),
        ("**FR-001**: System MUST allow gardeners to add a packet", "gardeners", "add a packet"),
        ("FR-003: Gardeners can delete a packet", "gardeners", "delete a packet"),
        ("[FR-004] Gardeners can count packets", "gardeners", "count packets"),
        ("US-05 - Gardeners can list packets", "gardeners", "list packets"),
        ("(R12) Gardeners can list packets", "gardeners", "list packets"),
        ("1.2 Users can add a note", "users", "add a note"),
        ("3) As a user, I want to add a note", "user", "add a note"),
        ("[x] FR-7. Users can add a note", "users", "add a note"),
        ("REQ-12 The user can add a note", "user", "add a note"),
        (
            "As a steward, I want to add a packet so that gardeners can list packets",
            "steward",
            "add a packet",
        ),
        ("Users should be able to add a note", "users", "add a note"),
        ("Users can add a note\n- The text is required\n- It is short", "users", "add a note"),
    ],
)
def test_who_wants_what(text: str, actor: str, want: str) -> None:
    said = statement(text)
    assert (said.actor, said.want, said.is_wish) == (actor, want, True)


@pytest.mark.parametrize(
    "text",
    [
        "The system shall not store passwords", "Users cannot delete a packet", "Users must not see drafts",
        "A gardener may never delete a packet", "The application will be fast", "The system shall be available 24/7",
        "Packets must have a name", "Guests can't add a note", "FR-9: The system shall not delete packets",
        "The list should remain short", "The app does not show ads",
    ],
)  # fmt: skip
def test_what_nobody_is_to_do_is_no_wish(text: str) -> None:
    assert not statement(text).is_wish
    assert read(text) == []
    made = write_requirements(Idea(key="x", title="X", features=(text, "User can add a packet with a name")))
    (own,) = [item for item in made.requirements if item.source == text]
    assert "can" not in own.statement.split()[:3] or "cannot" in own.statement
    assert own.statement == f"{plain(text)}."


def test_the_benefit_of_a_story_in_prose_is_no_wish() -> None:
    prose = "As a steward, I want to delete a packet so that gardeners can list packets. "
    prose += "A site where users can add notes."
    assert features_in_prose(prose) == (
        "As a steward, I want to delete a packet so that gardeners can list packets",
        "users can add notes",
    )


def test_points_below_a_wish_are_rules_of_their_own() -> None:
    feature = "User can add a packet with a name and a year\n- The name is required\n- A message confirms it"
    made = write_requirements(Idea(key="x", title="X", features=(feature,)))
    said = {item.source: item.kind for item in made.requirements}
    assert said["User can add a packet with a name and a year"] == "functional"
    assert said["The name is required"] == "functional"
    assert said["A message confirms it"] == "constraint"
