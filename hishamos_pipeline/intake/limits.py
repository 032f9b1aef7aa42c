"""How much a brief may hold: counted before anything is parsed, so that reading takes seconds whatever was written."""

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import IdeaError

MOST_ENTITIES = 100
MOST_ATTRIBUTES = 60
LONGEST_LINE = 20_000
_MOST_LINES = 20_000
_LONGEST_NUMBER = 100
_HEADING, _MOST_HEADINGS = re.compile(r"(?m)^ {0,3}#"), 2_000
_ITEM, _MOST_ITEMS = re.compile(r"(?m)^[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]"), 5_000
# Each of them a parser of Markdown has to look at more than once.
_MARKS, _MOST_MARKS = "*_[`<&!", 50_000


def check_lines(text: str) -> None:
    """Refuse a brief with too many lines.

    Raises:
        IdeaError: says how many there are and may be.
    """
    _check(text.count("\n") + 1, _MOST_LINES, "lines")


def check_markdown(text: str) -> None:
    """Refuse Markdown of too many parts.

    Raises:
        IdeaError: says how many there are and may be.
    """
    _check(max(map(len, text.split("\n"))), LONGEST_LINE, "characters on a line")
    _check(sum(map(text.count, _MARKS)), _MOST_MARKS, "characters of markup")
    _check(len(_HEADING.findall(text)), _MOST_HEADINGS, "headings")
    _check(len(_ITEM.findall(text)), _MOST_ITEMS, "list items")


def _check(count: int, most: int, what: str) -> None:
    if count > most:
        raise IdeaError(
            "brief", f"has {count:,} {what}, the limit is {most:,}", "Split it, or hand in the rest as files."
        )


def is_number_too_long(text: str) -> bool:
    """Whether a number has more digits than anybody writes; to read one takes longer than its length."""
    return len(text) > _LONGEST_NUMBER
