"""How long reading takes of a megabyte, whatever it holds, against a megabyte of prose."""

import time
from contextlib import suppress

from benchmarks.measure import Row
from hishamos_pipeline.blueprints.planning.explaining import explain
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from tests.blueprints.test_expected_readings import LEFT, expected, read

_MEGABYTE = 999_000
_PROSE = "The librarian lends a book to a member, who brings it back within two weeks or pays a fee.\n"
# A brief at the limits of what is parsed, and what would be over them.
_AT_LIMIT = {
    "5,000 list items": "# T\n\n" + "- User can add a note\n" * 4_990,
    "2,000 headings": "# T\n\n" + "## a\n" * 1_990,
    "50,000 characters of markup": "# T\n\n" + ("**a" * 20 + "\n") * 1_240,
}
# What is over the limits is counted and refused.
_OVER = {
    "10 MB of prose": "# T\n\n" + _PROSE * (10_000_000 // len(_PROSE)),
    "10,000 sections": "# T\n\n" + "## a\n\nIt does a.\n\n" * 10_000,
    "100,000 list items": "# T\n\n" + "- User can add a note\n" * 100_000,
}
_PUMPS = ("(", "[", "**a", "- a\n", "# a\n", "a of b or ", "a, ", "<!--", "x: ", "note has a of b or ", " ")


def measure() -> list[Row]:
    """Rows of the section ``reading``."""
    prose = _seconds("# T\n\n" + _PROSE * (_MEGABYTE // len(_PROSE)), "a.md")
    rows = [Row("a megabyte of prose", f"{prose:.2f} s", "under 2 s", prose < 2)]
    for name, text in _AT_LIMIT.items():
        seconds = _seconds(text, "a.md")
        rows.append(Row(name, f"{seconds:.2f} s", "under 2 s", seconds < 2))
    for name, text in _OVER.items():
        seconds = _seconds(text, "a.md")
        rows.append(Row(f"{name}, refused", f"{seconds:.2f} s", "under 2 s", seconds < 2))
    texts = [(f"# T\n\nA note has {pump * (_MEGABYTE // len(pump))}", "a.md") for pump in _PUMPS]
    texts += [
        (f'title: T\nentities:\n  - "Book: title {pump * (_MEGABYTE // len(pump))}"', "a.yaml")
        for pump in _PUMPS
    ]
    slowest = max(_seconds(text, name) for text, name in texts)
    rows.append(Row("the slowest of 22 hostile megabytes", f"{slowest:.2f} s", "under 2 s", slowest < 2))
    return [*rows, *_growth(), *_understood()]


def _growth() -> list[Row]:
    """How the time of reading and explaining grows when a document grows fourfold."""
    rows = []
    for name, made in (("stories with headings and criteria", _stories), ("rows of a backlog", _backlog)):
        few, many = (_explained(*made(count)) for count in (100, 400))
        grown = many / few
        figure = f"{grown:.1f} times ({few:.2f} / {many:.2f} s)"
        rows.append(Row(f"explaining 400 {name} against 100", figure, "at most 8 times", grown <= 8))
    return rows


def _stories(count: int) -> tuple[str, str]:
    wish, criteria = (
        "As a user, I want to add part{n} with a name.",
        "#### Acceptance criteria\n\n- It is kept",
    )
    one = f"### US-{{n}}: Part {{n}}\n\n{wish}\n\n{criteria}\n\n"
    return "# T\n\n## Requirements\n\n" + "".join(one.format(n=n) for n in range(count)), "a.md"


def _backlog(count: int) -> tuple[str, str]:
    rows = "".join(f"T-{n},Users can add a note,High,The name is required\n" for n in range(count))
    return f"Key,Summary,Priority,Acceptance Criteria\n{rows}", "a.csv"


def _explained(text: str, name: str) -> float:
    begun = time.perf_counter()
    explain(read_brief(text.encode(), name))
    return time.perf_counter() - begun


def _understood() -> list[Row]:
    """Of the statements that a person has read: how many are read, and how many of these as he does."""
    table = list(expected())
    found = [(wanted, read(statement, given)) for given, statement, wanted in table]
    readable = [pair for pair in found if pair[0] != LEFT]
    known = [pair for pair in found if pair[1] != LEFT]
    right = sum(wanted == got for wanted, got in known)
    share = len(known) / len(readable)
    return [
        Row(
            f"{len(table)} statements: read as a person reads them",
            f"{right} of {len(known)}",
            "all",
            right == len(known),
        ),
        Row(f"{len(readable)} statements about records: understood", f"{share:.0%}", "told", True),
    ]


def _seconds(text: str, name: str) -> float:
    begun = time.perf_counter()
    with suppress(IdeaError):  # as it should be of what is too much
        read_brief(text.encode(), name)
    return time.perf_counter() - begun
