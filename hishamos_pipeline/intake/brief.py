"""A brief, in any of its formats, to a validated idea."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz

from hishamos_pipeline.core.artifacts.idea import Idea, Section, as_markdown
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.fields import (
    ALIASES,
    FIELDS,
    Given,
    count_problems,
    is_open,
    list_of,
    validate,
)
from hishamos_pipeline.intake.markdown import MarkdownBrief, read_markdown
from hishamos_pipeline.intake.problems import refuse
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.source import is_one_line, read_source
from hishamos_pipeline.intake.stack import choose
from hishamos_pipeline.intake.wording import says_what_somebody_can_do, sentences

_ABOUT_THE_PRODUCT = frozenset({"vision", "users", "features", "entities", "constraints"})
_MOST_NAMED, _LIKE, _MOST_NOTED = 20, 85, 500
_LINE_TITLE = re.compile(
    r"^(?:(?:please|i want|i would like|we need|build|make|create|write)\s+(?:me\s+)?)*(?:an?|the)?\s*"
    r"(?P<title>.+?)(?:\s+(?:where|that|which|in which|with which|so that|to|for|with)\s|[.:;,]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AcceptedBrief:
    """A validated brief; ``names_key`` tells that its author has given the project's key."""

    idea: Idea
    names_key: bool


def read_brief(raw: bytes, name: str = "", *, max_bytes: int = 1_000_000, max_features: int = 500) -> Idea:
    """Validate a brief; see ``read_document``.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    return read_document(raw, name, max_bytes=max_bytes, max_features=max_features).idea


def read_document(raw: bytes, name: str, *, max_bytes: int, max_features: int) -> AcceptedBrief:
    """Validate a brief.

    Args:
        raw: the brief's bytes; text is UTF-8, or UTF-16 that says so.
        name: the file's name, whose suffix tells the format; may be empty.
        max_bytes: largest brief in bytes.
        max_features: most features.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    source = read_source(raw, name, max_bytes)
    if source.fields is not None:
        idea = validate(Given(source.fields, name, source.text, is_structured=True), max_features)
        notes = (*source.notes, *_left_out(source.fields))
        whole = _whole(idea, _sections(as_markdown(idea)), source.fields, notes)
        return AcceptedBrief(whole, "key" in source.fields)
    read = read_markdown(source.text)
    given, metadata = _apart(read)
    if not given.get("title") and is_one_line(source.text):
        given = _read_line(source.text)
    idea = validate(
        Given(given, name, source.text, lines=read.lines if source.is_own else None), max_features
    )
    if not idea.features:
        wishes = sum(map(says_what_somebody_can_do, sentences([idea.vision])))
        refuse(count_problems(wishes, max_features))
    notes = (*source.notes, *_noted(metadata))
    whole = _whole(idea, (*read.sections, *_given_beside(read, idea)), given, notes)
    return AcceptedBrief(whole.model_copy(update={"metadata": metadata}), "key" in given)


def _whole(
    idea: Idea, sections: tuple[Section, ...], given: Mapping[str, object], notes: tuple[str, ...]
) -> Idea:
    """The idea with its text, and with a stack where the author has named none."""
    stack, reason = (idea.stack, "") if given.get("stack") else choose(sections)
    return idea.model_copy(
        update={"sections": sections, "stack": stack, "stack_reason": reason, "notes": notes}
    )


def _apart(read: MarkdownBrief) -> tuple[dict[str, object], dict[str, str]]:
    """Fields of a brief, and what other tools have in front matter; what is nearly one of ours is a slip."""
    ours = {*FIELDS, *ALIASES}
    others = {
        name: value
        for name, value in read.fields.items()
        if name in read.front and name not in ours and not _is_slip(name, ours)
    }
    given = {name: value for name, value in read.fields.items() if name not in others}
    return given, {name[:60]: str(value)[:_MOST_NOTED] for name, value in others.items()}


def _is_slip(name: str, known: Iterable[str]) -> bool:
    return any(fuzz.ratio(name.lower(), other) >= _LIKE for other in known)


def _left_out(fields: Mapping[str, object]) -> tuple[str, ...]:
    given = [item for name in ("features", "stories", "user_stories") for item in list_of(fields.get(name))]
    count = sum(not is_open(item) for item in given)
    return (f"{count} of {len(given)} features are done, or not wanted: they are left out.",) if count else ()


def _noted(metadata: Mapping[str, str]) -> tuple[str, ...]:
    if not metadata:
        return ()
    names = ", ".join(list(metadata)[:_MOST_NAMED])
    return (f"The front matter gives {names}, which a brief has no use for: kept as they are.",)


def _sections(text: str) -> tuple[Section, ...]:
    return tuple(block.section for block in read_blocks(text))


def _given_beside(read: MarkdownBrief, idea: Idea) -> tuple[Section, ...]:
    """What the front matter says of the product, as sections after those of the text."""
    said = {ALIASES.get(name, name) for name in read.front} & _ABOUT_THE_PRODUCT
    if not said:
        return ()
    blank = Idea(key=idea.key, title=idea.title)
    own = as_markdown(blank.model_copy(update={name: getattr(idea, name) for name in said}))
    taken = {section.id for section in read.sections}
    return tuple(
        section.model_copy(update={"id": f"{section.id}-given" if section.id in taken else section.id})
        for section in _sections(own)
    )


def _read_line(text: str) -> dict[str, object]:
    line = " ".join(text.split())
    match = _LINE_TITLE.match(line)
    title = (match["title"] if match else line).strip(" .")
    return {"title": (title[:1].upper() + title[1:])[:200], "vision": line}
