"""What a file is written from: what asks for another file, and what does not."""

from typing import Any

import pytest

from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.authoring.planning import without_requirements
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Criterion,
    Epic,
    PlannedFile,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.generation.keeping import changes, pieces

NOTE = 'class Note:\n    """A note."""\n    title: str\n'
ADD = 'from shop.notes import Note\n\ndef add(title: str) -> Note:\n    """Adds."""\n'
CLI = "def main(argv: list[str]) -> int: ...\n"
USAGE = "add TITLE: adds a note\nlist: prints all"
TEST = 'from shop.store import add\nfrom shop.cli import main\n\ndef test_ac1() -> None:\n    main(["add", "x"])\n'
PAGE = "# Use\n\nAdd notes with `add`. The modules are `notes.py`, `store.py` and `cli.py`.\n"


def file(path: str, interface: str, **given: Any) -> PlannedFile:
    kind = "docs" if path.endswith(".md") else "source"
    return PlannedFile(**{"path": path, "kind": kind, "purpose": "p", "interface": interface, **given})


def plan(usage: str = USAGE, **interfaces: str) -> Architecture:
    made = {"notes": NOTE, "store": ADD, "cli": CLI, **interfaces}
    files = [file(f"shop/{name}.py", text, requirements=("REQ-001",)) for name, text in made.items()]
    return Architecture(
        title="T", stack="python-cli", distribution="shop", package="shop", layout="flat", entry="shop.cli:main",
        summary="s", licence="MIT", author="", files=(*files, file("docs/use.md", "")), data_model=(), decisions=(),
        commands=(), usage=usage,
    )  # fmt: skip


def backlog(then: str = "t") -> Stories:
    criterion = Criterion(id="US-001-AC1", given="g", when="w", then=then)
    story = Story(
        id="US-001",
        epic="EP-001",
        title="Add",
        actor="user",
        want="w",
        requirements=("REQ-001",),
        criteria=(criterion,),
    )
    return Stories(epics=(Epic(id="EP-001", title="E"),), stories=(story,), sprint=SprintRules())


def changed(
    path: str, text: str, before: Architecture, now: Architecture, criteria: tuple[str, str] = ("t", "t")
) -> set[str]:
    """Names of the pieces that are others, of two plans and two wordings of the criterion."""
    questions = [
        FileRequest(path=path, architecture=one, stories=backlog(then))
        for one, then in zip((before, now), criteria, strict=True)
    ]
    return {change.name for change in changes(*(pieces(question, text) for question in questions))}


TESTS = "tests/test_us_001_add.py"


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (plan(), set()),
        (plan(store=ADD.replace("Adds.", "Adds one.")), set()),
        (plan(notes=NOTE.replace("title", "heading")), {"signature shop.notes.Note"}),
        (plan(USAGE.replace("add TITLE", "add --title TITLE")), set()),
        (plan(USAGE + "\nremove: removes"), set()),
        (plan(cli="from collections.abc import Sequence\n\n" + CLI), set()),
        (plan(other="def other() -> int: ...\n"), set()),
    ],
)
def test_what_a_test_is_written_from(now: Architecture, names: set[str]) -> None:
    assert changed(TESTS, TEST, plan(), now) == names


def test_white_space_of_a_criterion_counts() -> None:
    assert changed(TESTS, TEST, plan(), plan(), ("a  b", "a b")) == {"criterion US-001-AC1"}


def test_what_a_module_is_written_from() -> None:
    other = plan()
    purpose = tuple(
        f.model_copy(update={"purpose": "q"}) if f.path == "shop/store.py" else f for f in other.files
    )
    now = other.model_copy(update={"files": purpose})
    assert changed("shop/store.py", "", plan(), now) == {"purpose of shop/store.py"}
    assert changed("shop/store.py", "", plan(), plan(notes=NOTE.replace("A note", "One note"))) == set()
    typed = plan(notes="from typing import Any\n\n" + NOTE)
    assert changed("shop/store.py", "", plan(), typed) == set()


def test_a_module_that_serves_all_keeps_to_its_interface() -> None:
    base = plan()
    files = tuple(
        f.model_copy(update={"requirements": ()}) if f.path == "shop/notes.py" else f for f in base.files
    )
    serving_all = base.model_copy(update={"files": files})
    assert changed("shop/notes.py", "", serving_all, serving_all, ("a", "b")) == set()
    assert changed("shop/notes.py", "", base, base, ("a", "b")) == {"criterion US-001-AC1"}


@pytest.mark.parametrize(
    ("page", "asked"),
    [("Hours are rounded, halves go up always.", True), ("Halves are rounded. They go up.", False)],
)
def test_a_document_that_says_what_a_criterion_says_is_asked_with_it(page: str, asked: bool) -> None:
    old = "the hours are rounded, halves go up"
    found = changed("docs/use.md", page, plan(), plan(), (old, old.replace("up", "down")))
    assert found == ({"criterion US-001-AC1"} if asked else set())


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (plan(store=ADD.replace("title: str", "title: str, year: int")), {"signature shop.store.add"}),
        (plan(cli=CLI.replace("argv", "arguments")), set()),
        (plan(extra="def extra() -> int: ...\n"), {"modules"}),
        (plan(USAGE + "\nremove: removes"), {"commands"}),
        (plan(USAGE.replace("add TITLE", "add --title TITLE")), {"command add"}),
    ],
)
def test_what_a_document_is_written_from(now: Architecture, names: set[str]) -> None:
    assert changed("docs/use.md", PAGE, plan(), now) == names


API = "GET /notes - all\nPOST /notes - adds\nGET /notes/{id} - one"
API_PAGE = "`GET /notes` lists, `POST /notes` adds, `GET /notes/7` shows."


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (API, set()),
        (API.replace("POST /notes", "POST /notebook"), {"command POST /notes", "commands"}),
        (API.replace("one", "one, or 404"), {"command GET /notes/{id}"}),
        (API + "\nDELETE /notes/{id}", {"command DELETE /notes/{id}", "commands"}),
        (API.rsplit("\n", 1)[0], {"command GET /notes/{id}", "commands"}),
    ],
)
def test_a_document_of_an_api_is_written_from_its_requests(now: str, names: set[str]) -> None:
    assert changed("docs/use.md", API_PAGE, plan(API), plan(now)) == names


@pytest.mark.parametrize("page", [PAGE, "# Use"])
def test_a_document_of_what_is_told_in_prose_alone_is_written_from_all_of_it(page: str) -> None:
    found = changed("docs/use.md", page, plan("Prints a number."), plan("Prints two numbers."))
    assert found == {"commands"}


def test_files_of_requirements_that_are_gone_go_unless_something_needs_them() -> None:
    files = (
        file("a.py", "", requirements=("REQ-001",), depends_on=("b.py",)), file("b.py", "", requirements=("REQ-002",)),
        file("c.py", "", requirements=("REQ-002",)), file("all.py", ""),
    )  # fmt: skip
    left = {item.path: item.requirements for item in without_requirements(files, {"REQ-001"})}
    assert left == {"a.py": ("REQ-001",), "b.py": ("REQ-001",), "all.py": ()}
