"""Parts of the Markdown that other formats are brought into."""

import json
from collections.abc import Iterable

from hishamos_pipeline.core.text import linear_re as re

# What would be markup at the beginning of a line.
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")
_MARKUP = re.compile(r"^(?:[#>|`~+*=-])")


def in_words(name: str) -> str:
    """The name of a field or a table as words: ``acceptanceCriteria`` is "acceptance criteria"."""
    return re.sub(r"[_-]+", " ", _CAMEL.sub(r"\1 \2", name)).strip().lower()


def line(text: str) -> str:
    """Any text on one line, which begins no heading, quote, list, table or block of code."""
    joined = " ".join(text.split())
    return f"\\{joined}" if _MARKUP.match(joined) and not joined.startswith("**") else joined


def heading(level: int, text: str) -> str:
    """A heading with a blank line after it."""
    return f"{'#' * level} {' '.join(text.split())}\n"


def item(wish: str, detail: str = "") -> str:
    """A wish with its points as an item of a list; ``detail`` is quoted below it, as nothing but material."""
    head, *points = wish.split("\n- ")
    lines = [f"- {line(head)}", *(f"  - {line(point)}" for point in points)]
    if detail.strip():
        lines += [
            "",
            *(f"  > {line(part)}" if part.strip() else "  >" for part in detail.strip().split("\n")),
            "",
        ]
    return "\n".join(lines)


def fenced(text: str, language: str = "") -> str:
    """A block of code, in which nothing is markup."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def document(title: str, parts: Iterable[str]) -> str:
    """Parts with a blank line between them, and their title as front matter: as a heading it could be a section's."""
    named = json.dumps(" ".join(title.split()), ensure_ascii=False)
    return (
        "\n\n".join([f"---\ntitle: {named}\n---", *(part.strip("\n") for part in parts if part.strip())])
        + "\n"
    )
