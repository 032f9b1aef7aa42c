"""The text of a brief: which part of it a requirement takes up, and what is left over."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Requirements
from hishamos_pipeline.core.artifacts.idea import HandedFile, Section
from hishamos_pipeline.core.text import linear_re as re

# What marks a demand in prose; see RFC 2119, and how user stories are worded.
_DEMAND = re.compile(
    r"\b(?:must|shall|should|has to|have to|needs? to|required|can|may|will|never|always|only|supports?|provides?|"
    r"allows?|ensures?|i want|we want)\b",
    re.IGNORECASE,
)
# Sections that say what the product is about; what they list is no demand of its own.
_TOLD = frozenset({"background", "users", "entities"})
_MARKS = ("- ", "* ", "+ ", "• ", "|", "```", "~~~")
_NUMBERED = re.compile(r"\d{1,9}[.)] ")


class Excerpt(Document):
    """What somebody who plans, writes or tests a part sees of the brief: the sections that it serves, in their own
    words, what holds for everything, and the files that were handed in.
    """

    sections: tuple[Section, ...] = ()
    constraints: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    files: tuple[HandedFile, ...] = ()


def excerpt(requirements: Requirements, served: Iterable[str] | None = None) -> Excerpt:
    """What the brief says of some requirements, or of all of them.

    Args:
        requirements: with the brief that they were read from.
        served: ids of requirements; ``None`` is all.
    """
    wanted = None if served is None else set(served)
    # What is no function holds for everything: Python's version, speed, what must never happen.
    everywhere = [
        item for item in requirements.requirements if item.kind != "functional" and not item.verified_by
    ]
    concerned = [item for item in requirements.requirements if wanted is None or item.id in wanted]
    cited = {name for item in (*concerned, *everywhere) for name in item.sections}
    return Excerpt(
        sections=tuple(s for s in requirements.brief if s.id in cited and not s.excludes),
        constraints=tuple(item.statement for item in everywhere),
        assumptions=requirements.assumptions,
        files=requirements.files,
    )


def sections_quoted(sections: Sequence[Section], quote: str) -> tuple[str, ...]:
    """Ids of the sections that have some words, whatever their markup and line breaks; the first alone counts."""
    words = _words(quote)
    found = (section.id for section in sections if words and words in _words(section.text))
    return tuple(found)[:1]


def not_taken_up(requirements: Requirements) -> tuple[str, ...]:
    """Titles of sections that demand something which no requirement cites."""
    cited = {name for item in requirements.requirements for name in item.sections}
    return tuple(
        label(section)
        for section in requirements.brief
        if section.id not in cited
        and not section.excludes
        and section.meaning not in _TOLD
        and demands(section)
    )


def demands(section: Section) -> bool:
    """Whether a section asks for something: it has a list, a table, code, or words that demand."""
    lines = [line.strip() for line in section.text.splitlines()][1 if section.level else 0 :]
    return any(line.startswith(_MARKS) or _NUMBERED.match(line) or _DEMAND.search(line) for line in lines)


def label(section: Section) -> str:
    """A section as people know it."""
    return section.title or f"the section {section.id}"


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
