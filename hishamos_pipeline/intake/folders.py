"""Folders and archives of requirements: which of their files are the brief, and which stand beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.files import FIELD, KEPT_THOUGH_HIDDEN, unzipped
from hishamos_pipeline.intake.formats.writing import document
from hishamos_pipeline.intake.source import SUFFIXES, title_of
from hishamos_pipeline.settings import Settings

# What the brief among several files is called.
_BRIEFS = ("brief", "idea", "prd", "spec", "requirements", "readme")
_TEXTS = (".md", ".markdown")
_MARKDOWN = r"\.(?:md|markdown)$"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a tool lays out requirements: the first group of files that is there is the brief, its files joined."""

    sign: re.Pattern
    briefs: Sequence[re.Pattern]


_SHAPES = {
    "OpenSpec": Shape(
        re.compile(rf"(?:^|/)(?:openspec/)?(?:specs|changes)/[^/]+/proposal{_MARKDOWN}|(?:^|/)openspec/"),
        (re.compile(rf"(?:^|/)(?:(?:changes/[^/]+/)?specs/[^/]+/spec|project){_MARKDOWN}"),),
    ),
    "Kiro": Shape(
        re.compile(r"(?:^|/)\.kiro/specs/"),
        (re.compile(rf"(?:^|/)\.kiro/specs/[^/]+/requirements{_MARKDOWN}"),),
    ),
    "Spec Kit": Shape(
        re.compile(r"(?:^|/)(?:\.specify/|specs/\d+-[^/]+/)"),
        (re.compile(rf"(?:^|/)specs/[^/]+/spec{_MARKDOWN}"), re.compile(rf"(?:^|/)spec{_MARKDOWN}")),
    ),
    "BMAD": Shape(
        re.compile(r"(?:^|/)(?:_?bmad|\.bmad-core|docs/(?:prd|epics?|stories))(?:[/.-]|$)"),
        (
            re.compile(rf"(?i)(?:^|/)(?:docs/)?prd{_MARKDOWN}"),
            re.compile(rf"(?i)(?:^|/)(?:docs/)?prd/[^/]+{_MARKDOWN}"),
            re.compile(rf"(?i)(?:^|/)(?:docs/)?(?:epics?|stories)(?:/[^/]+|-[^/]+)?{_MARKDOWN}"),
        ),
    ),
}
_ARCHIVED = re.compile(r"(?:^|/)(?:archive|templates|node_modules)/")


def brief_among(files: Mapping[str, bytes], title: str) -> tuple[str, bytes, dict[str, bytes]]:
    """Name and bytes of the brief, and the files beside it.

    Files of a known shape (Spec Kit, OpenSpec, BMAD, Kiro) are joined to one brief; else it is the file that is called
    like one, or the only Markdown at the top.

    Args:
        files: contents by path.
        title: what the folder or archive is called.

    Raises:
        IdeaError: several files could be the brief, or none could.
    """
    known = _of_shape(files) or _called(files)
    rest = {path: content for path, content in files.items() if path not in known}
    if len(known) == 1:
        return PurePosixPath(known[0]).name, files[known[0]], rest
    texts = [files[path].decode(errors="replace").lstrip("\ufeff") for path in known]
    joined = document(title_of(title) or title, texts)
    return f"{title}.md", joined.encode(), rest


def unpacked_brief(name: str, raw: bytes, settings: Settings) -> tuple[str, bytes, dict[str, bytes]]:
    """Name and bytes of the brief in a ZIP, and the files beside it.

    Raises:
        IdeaError: the ZIP cannot be read, its files are too many or too large, or it has no brief.
    """
    files = unzipped(name, raw, settings)
    bare = _without_top(files)
    # A folder that is the sign of a shape is none that packing has made.
    return brief_among(files if _of_shape(files) and not _of_shape(bare) else bare, PurePosixPath(name).stem)


def _without_top(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same files without a folder that holds all of them, as packing a folder makes one."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) != 1 or any("/" not in name for name in files) or tops <= {*KEPT_THOUGH_HIDDEN, "openspec"}:
        return dict(files)
    return {name.partition("/")[2]: content for name, content in files.items()}


def _of_shape(files: Mapping[str, bytes]) -> list[str]:
    paths = [path for path in sorted(files) if not _ARCHIVED.search(path)]
    for shape in _SHAPES.values():
        if any(map(shape.sign.search, paths)):
            for pattern in shape.briefs:
                if found := [path for path in paths if pattern.search(path)]:
                    return found
    return []


def _called(files: Mapping[str, bytes]) -> list[str]:
    top = [
        path for path in sorted(files) if "/" not in path and PurePosixPath(path).suffix.lower() in SUFFIXES
    ]
    for stem in _BRIEFS:
        called = [path for path in top if PurePosixPath(path).stem.lower() == stem]
        if called:
            return called[:1]
    texts = [path for path in top if PurePosixPath(path).suffix.lower() in _TEXTS]
    if len(texts) == 1:
        return texts
    found = f"{', '.join(texts[:5])} could all be" if texts else "no file at its top is"
    raise IdeaError(FIELD, f"{found} the brief", "Call the brief brief.md.")
