"""A brief in any format that is read, to Markdown or to the fields of a brief."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import slug
from hishamos_pipeline.core.text.untrusted import without_tricks
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.formats import converted, gherkin, schemas, spreadsheets, trees
from hishamos_pipeline.intake.limits import check_lines
from hishamos_pipeline.intake.structured import read_json, read_yaml

Format = Literal["markdown", "yaml", "json", "line", "gherkin", "table", "sql"]
TEXTS: Mapping[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "markdown",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".feature": "gherkin",
    ".csv": "table",
    ".tsv": "table",
    ".sql": "sql",
}
_WORKBOOKS = (".xlsx", ".xls", ".ods")
SUFFIXES = (*TEXTS, *_WORKBOOKS, *converted.PANDOC, ".pdf")
# Formats by suffix that are known and not read, and what they are called.
_UNREAD: Mapping[str, str] = {
    ".doc": "a Word document of before 2007", ".pages": "a Pages document", ".xml": "XML", ".toml": "TOML",
    ".pptx": "a presentation", ".zip": "an archive", ".numbers": "a Numbers document", ".eml": "a mail",
    ".msg": "a mail", ".png": "a picture", ".jpg": "a picture", ".jpeg": "a picture", ".py": "a program",
}  # fmt: skip
# What documents are called that say nothing of what they are about.
_GENERIC = frozenset(
    """brief idea prd spec specs specification requirements requirement-document requirements-document user-stories
    backlog product-backlog feature-list product-requirements product-requirements-document feature-specification
    product-requirement-document software-requirements-specification srs functional-requirements feature-spec
    functional-specification software-requirements business-requirements business-requirements-document brd
    project-brief product-brief overview introduction readme document untitled design-document features stories
    technical-specification prd-draft draft export work-items openapi swagger sheet1
    untitled-project""".split()
)
_SHORTEST_NAME, _PACKED = 3, 10
_UNTITLED = "Untitled project"
# "PRD: Seed bank" and "Seed bank – PRD" are about a seed bank.
_TITLE_JOINT = re.compile(r"\s*[:|]\s+|\s+[–—-]\s+|\s+for\s+")


@dataclass(frozen=True, slots=True)
class Source:
    """A brief as it is read on: fields of a brief where it gives those, else Markdown.

    ``notes`` name what a format has lost, in words for the author. ``is_own`` tells that the text is the author's, so
    that its lines are known to them.
    """

    text: str
    fields: Mapping[str, Any] | None = None
    is_own: bool = False
    notes: tuple[str, ...] = ()


def read_source(raw: bytes, name: str, max_bytes: int) -> Source:
    """Bring a brief into Markdown, or into fields.

    Raises:
        IdeaError: it is too large, of a format that is not read, or not valid in its own.
    """
    suffix = _suffix(name)
    _refuse_known(suffix)
    if is_converted(raw, name):
        check_size(raw, max_bytes * _PACKED)  # pictures and markup are most of such a document
        text, notes = _converted(raw, name, suffix)
        check_size(text.encode(), max_bytes)
        return Source(_tidy(text), notes=notes)
    check_size(raw, max_bytes)
    if raw.startswith(b"PK\x03\x04"):
        raise _unread("is an archive or a document of an office program, and its name does not say which")
    text = decode(raw, max_bytes)
    return _READERS[detect_format(text, name)](text, name)


def is_converted(raw: bytes, name: str) -> bool:
    """Whether a brief is no text, or a text that another program reads: it may take much time and memory."""
    return _suffix(name) in (*_WORKBOOKS, *converted.PANDOC, ".pdf") or raw.startswith(b"%PDF-")


def refuse_unread(name: str) -> None:
    """Refuse a file whose name says that it is of a format which is not read.

    Raises:
        IdeaError: names that format, and those that are read.
    """
    suffix = _suffix(name)
    _refuse_known(suffix)
    if suffix not in {*SUFFIXES, ""}:
        raise _unread(f"is of an unknown format, {suffix}")


def check_size(raw: bytes, max_bytes: int) -> None:
    """Refuse a brief of too many bytes.

    Raises:
        IdeaError: says how many there may be.
    """
    if len(raw) > max_bytes:
        fix = "Shorten it, or raise HISHAMOS_MAX_BRIEF_BYTES."
        raise IdeaError("brief", f"is larger than {max_bytes:,} bytes", fix)


def decode(raw: bytes, max_bytes: int) -> str:
    """The text of a brief.

    Raises:
        IdeaError: too large, of too many lines, empty, not UTF-8, or binary.
    """
    check_size(raw, max_bytes)
    raw = _from_utf16(raw)
    if b"\0" in raw:
        raise IdeaError("brief", "is binary", f"Save it as UTF-8, or as one of {', '.join(SUFFIXES)}.")
    try:
        text = raw.decode().lstrip("\ufeff")
    except UnicodeDecodeError as error:
        fix = "Save it as UTF-8; of a spreadsheet, that is `CSV UTF-8`."
        raise IdeaError("brief", f"is not UTF-8 (byte {error.start})", fix) from error
    return _tidy(text)


def detect_format(text: str, name: str = "") -> Format:
    """The format by the file's name, or where that says nothing by the look of the text."""
    for suffix, kind in TEXTS.items():
        if name.lower().endswith(suffix) and not (suffix == ".txt" and is_one_line(text)):
            return kind
    start = text.lstrip()
    if start.startswith(("{", "[{")):
        return "json"
    if is_one_line(text) and not start.startswith("#"):
        return "line"
    if re.match(r"\A(?:[#@][^\n]*\n\s*)*Feature: ", start) and re.search(
        r"(?m)^\s*(?:Scenario|Example|Rule)\b", start
    ):
        return "gherkin"
    return "yaml" if re.match(r"(?m)\A(?:#[^\n]*\n)*[a-z_]+:(?:\s|$)", start) else "markdown"


def is_one_line(text: str) -> bool:
    """Whether a text is one line."""
    return "\n" not in text.strip()


def title_of(file: str) -> str:
    """A title from a file's name; empty where that says nothing."""
    stem = PurePosixPath(file).stem if file else ""
    said = " ".join(re.sub(r"[_\-.]+", " ", stem).split())
    says_it = len(said) >= _SHORTEST_NAME and not is_generic(stem)
    return said[:1].upper() + said[1:] if says_it else ""


def is_generic(title: str) -> bool:
    """Whether a title says nothing of what the document is about."""
    return slug(title) in _GENERIC


def subject(title: str) -> str:
    """A title without the kind of document: "PRD: Seed bank" is about a seed bank."""
    parts = [part for part in _TITLE_JOINT.split(title) if part.strip()]
    if len(parts) == 2 and is_generic(parts[0]) != is_generic(parts[1]):
        return (parts[1] if is_generic(parts[0]) else parts[0]).strip()
    return title


def _markdown(text: str, name: str) -> Source:
    return Source(text, is_own=True)


def _gherkin(text: str, name: str) -> Source:
    return Source(gherkin.markdown_of_feature(text))


def _table(text: str, name: str) -> Source:
    return Source(spreadsheets.markdown_of_text(text, title_of(name) or _UNTITLED))


def _sql(text: str, name: str) -> Source:
    return Source(schemas.markdown_of_sql(text, title_of(name) or _UNTITLED))


def _json(text: str, name: str) -> Source:
    return _tree(read_json(text), text, name)


def _yaml(text: str, name: str) -> Source:
    return _tree(read_yaml(text), text, name)


def _tree(tree: object, text: str, name: str) -> Source:
    """Fields of a brief, or the Markdown of what other tools have written."""
    title = title_of(name) or _UNTITLED
    if isinstance(tree, list) and trees.holds_wishes(tree):
        return Source(_tidy(trees.markdown_of_tree(tree, title)))
    if not isinstance(tree, dict):
        raise IdeaError("brief", "is not a mapping of fields", "Start with `title: …`.")
    if schemas.is_openapi(tree):
        return Source(_tidy(schemas.markdown_of_openapi(tree, title)))
    if schemas.is_json_schema(tree):
        return Source(_tidy(schemas.markdown_of_json_schema(tree, title)))
    if not isinstance(tree.get("title"), str | int | float) and trees.holds_wishes(tree):
        return Source(_tidy(trees.markdown_of_tree(tree, title)))
    return Source(text, tree)


_READERS: Mapping[Format, Callable[[str, str], Source]] = {
    "markdown": _markdown,
    "line": _markdown,
    "gherkin": _gherkin,
    "table": _table,
    "sql": _sql,
    "json": _json,
    "yaml": _yaml,
}


def _converted(raw: bytes, name: str, suffix: str) -> tuple[str, tuple[str, ...]]:
    if suffix in _WORKBOOKS:
        return spreadsheets.markdown_of_workbook(raw, title_of(name) or _UNTITLED), ()
    if suffix in converted.PANDOC:
        text, note = converted.markdown_of_document(raw, suffix)
    else:
        text, note = converted.markdown_of_pdf(raw)
    return text, (note,)


def _suffix(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def _refuse_known(suffix: str) -> None:
    if suffix in _UNREAD:
        raise _unread(f"is {_UNREAD[suffix]}, which is not read")


def _unread(problem: str) -> IdeaError:
    return IdeaError("brief", problem, f"Submit it as one of {', '.join(SUFFIXES)}.")


def _from_utf16(raw: bytes) -> bytes:
    """A text in UTF-16 that says so by its first two bytes, in UTF-8; everything else as it is."""
    if not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw
    try:
        return raw.decode("utf-16").encode()
    except UnicodeError:
        raise IdeaError(
            "brief", "is not UTF-8, and begins like UTF-16 without being that", "Save it as UTF-8."
        ) from None


def _tidy(text: str) -> str:
    """A text with line feeds alone, of the characters that documents have; control characters play tricks in terminals.

    Raises:
        IdeaError: it is empty, or has too many lines.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise IdeaError("brief", "is empty", "Write at least one line.")
    check_lines(text)
    return without_tricks(text)
