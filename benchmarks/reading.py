"""How long reading takes of a megabyte, whatever it holds, against a megabyte of prose."""

import time
from contextlib import suppress

from benchmarks.measure import Row
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief

_MEGABYTE = 999_000
_PROSE = "The librarian lends a book to a member, who brings it back within two weeks or pays a fee.\n"
# A brief at the limits of what is parsed, and what would be over them.
_AT_LIMIT = {
    "5,000 list items": "# T\n\n" + "- User can add a note\n" * 4_990,
    "2,000 headings": "# T\n\n" + "## a\n" * 1_990,
    "50,000 characters of markup": "# T\n\n" + ("**a" * 20 + "\n") * 1_240,
}
_PUMPS = ("(", "[", "**a", "- a\n", "# a\n", "a of b or ", "a, ", "<!--", "x: ", "note has a of b or ", " ")


def measure() -> list[Row]:
    """Rows of the section ``reading``."""
    prose = _seconds("# T\n\n" + _PROSE * (_MEGABYTE // len(_PROSE)), "a.md")
    rows = [Row("a megabyte of prose", f"{prose:.2f} s", "under 2 s", prose < 2)]
    for name, text in _AT_LIMIT.items():
        seconds = _seconds(text, "a.md")
        rows.append(Row(name, f"{seconds:.2f} s", "under 2 s", seconds < 2))
    texts = [(f"# T\n\nA note has {pump * (_MEGABYTE // len(pump))}", "a.md") for pump in _PUMPS]
    texts += [
        (f'title: T\nentities:\n  - "Book: title {pump * (_MEGABYTE // len(pump))}"', "a.yaml")
        for pump in _PUMPS
    ]
    slowest = max(_seconds(text, name) for text, name in texts)
    rows.append(Row("the slowest of 22 hostile megabytes", f"{slowest:.2f} s", "under 2 s", slowest < 2))
    return rows


def _seconds(text: str, name: str) -> float:
    begun = time.perf_counter()
    with suppress(IdeaError):  # as it should be of what is too much
        read_brief(text.encode(), name)
    return time.perf_counter() - begun
