"""Files that are handed in with a brief: from paths, a folder or a ZIP, checked before anything is kept."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hishamos_pipeline.core.artifacts.idea import HandedFile
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.untrusted import without_tricks
from hishamos_pipeline.errors import IdeaError, PathError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.paths import check_collisions, check_path

FIELD = "files"
# Folders that begin with a dot, and are the author's all the same.
KEPT_THOUGH_HIDDEN = (".kiro", ".specify")
_ADVICE = "Hand in text files in UTF-8, each name once; where more is meant, raise the setting that is named."
_SHOWN_IN_FULL, _SHOWN_TOGETHER, _LONGEST_LINE, _HEAD_LINES, _MIDDLE_LINES = 4_000, 40_000, 300, 10, 4


@dataclass(frozen=True, slots=True)
class HandedFiles:
    """Files beside a brief, and their texts by SHA-256."""

    files: tuple[HandedFile, ...]
    texts: Mapping[str, str]


def read_paths(paths: Sequence[Path], settings: Settings) -> dict[str, bytes]:
    """The contents of files by the path that each has for the project.

    A file has its own name, those of a folder have their paths inside that, and those of a ZIP the paths in it.

    Raises:
        IdeaError: names all of them that cannot be read, or are too many or too large.
    """
    found: dict[str, bytes] = {}
    problems: list[str] = []
    budget = _Budget(settings)
    for path in paths:
        try:
            listed = dict(_read(path, budget))
        except (OSError, IdeaError) as error:
            problems.append(error.problem if isinstance(error, IdeaError) else f"cannot read {path}: {error}")
            continue
        problems += [f"has {name} twice" for name in found.keys() & listed.keys()]
        found |= listed
    if problems:
        raise IdeaError(FIELD, "; ".join(problems), _ADVICE)
    return found


def unzipped(name: str, raw: bytes, settings: Settings) -> dict[str, bytes]:
    """The files of a ZIP by their paths in it.

    Raises:
        IdeaError: it is none, or its files are too many or too large.
    """
    return dict(_members(name, raw, _Budget(settings)))


def accept(raw: Mapping[str, bytes], settings: Settings) -> HandedFiles:
    """Check files and describe them for engines.

    Args:
        raw: contents by path.
        settings: limits.

    Raises:
        IdeaError: names every file that is too large, is no text, or has a path that a tree cannot have.
    """
    problems, texts = [], {}
    budget = _Budget(settings)
    for path, content in sorted(raw.items()):
        try:
            check_path(path, max_length=settings.max_path_length, max_depth=settings.max_path_depth)
            budget.take(path, len(content))
            texts[path] = _text(path, content)
        except (PathError, IdeaError) as error:
            problems.append(error.problem if isinstance(error, IdeaError) else str(error))
    try:
        check_collisions(texts)
    except PathError as error:
        problems.append(str(error))
    if problems:
        raise IdeaError(FIELD, "; ".join(problems), _ADVICE)
    share = min(_SHOWN_IN_FULL, _SHOWN_TOGETHER // max(len(texts), 1))
    files = tuple(
        HandedFile(path=path, sha256=sha256_text(text), size=len(raw[path]), shown=_shown(path, text, share))
        for path, text in texts.items()
    )
    return HandedFiles(files, {sha256_text(text): text for text in texts.values()})


class _Budget:
    """Counts files and bytes, so that nothing is read beyond the limits."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._files, self._bytes = settings, 0, 0

    @property
    def most_packed(self) -> int:
        """The most bytes that a ZIP may have."""
        return self._settings.max_handed_bytes

    @property
    def most(self) -> int:
        """One byte more than the next file may have."""
        return min(self._settings.max_handed_file_bytes, self._settings.max_handed_bytes - self._bytes) + 1

    def take(self, path: str, size: int) -> None:
        """Count a file.

        Raises:
            IdeaError: a limit is reached; it names the file and the setting.
        """
        given = self._settings
        self._files, self._bytes = self._files + 1, self._bytes + size
        if size > given.max_handed_file_bytes:
            raise _refused(
                f"{path} is larger than {given.max_handed_file_bytes:,} bytes (HISHAMOS_MAX_HANDED_FILE_BYTES)"
            )
        if self._bytes > given.max_handed_bytes:
            raise _refused(
                f"at {path} they pass {given.max_handed_bytes:,} bytes (HISHAMOS_MAX_HANDED_BYTES)"
            )
        if self._files > given.max_handed_files:
            raise _refused(
                f"there are more than {given.max_handed_files} of them (HISHAMOS_MAX_HANDED_FILES)"
            )


def _refused(problem: str) -> IdeaError:
    return IdeaError(FIELD, problem, "Hand in less.")


def _read(path: Path, budget: _Budget) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path)
            # Links could lead anywhere; hidden files are the editor's or Git's.
            hidden = any(part.startswith(".") and part not in KEPT_THOUGH_HIDDEN for part in name.parts)
            if file.is_file() and not file.is_symlink() and not hidden:
                yield name.as_posix(), _content(file, name.as_posix(), budget)
    elif path.suffix.lower() == ".zip":
        yield from _members(path.name, packed(path, budget.most_packed), budget)
    else:
        yield path.name, _content(path, path.name, budget)


def packed(path: Path, most: int) -> bytes:
    """The bytes of a ZIP.

    Raises:
        IdeaError: there are more than may be.
    """
    with path.open("rb") as stream:
        raw = stream.read(most + 1)
    if len(raw) > most:
        raise _refused(f"{path.name} is larger than {most:,} bytes (HISHAMOS_MAX_HANDED_BYTES)")
    return raw


def _content(file: Path, name: str, budget: _Budget) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(budget.most)
    budget.take(name, len(content))
    return content


def _members(name: str, raw: bytes, budget: _Budget) -> list[tuple[str, bytes]]:
    """The files of a ZIP.

    Raises:
        IdeaError: it cannot be read, or a limit is reached.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return list(_unpacked(name, archive, budget))
    except IdeaError:
        raise
    except Exception as error:  # whatever a hostile or unusual file makes the library raise
        problem = f"{name} is no ZIP that can be read: {type(error).__name__}: {error}"
        raise IdeaError(FIELD, without_tricks(problem)[:300], "Pack it again.") from error


def _unpacked(name: str, archive: zipfile.ZipFile, budget: _Budget) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for item in archive.infolist():
        path = item.filename
        hidden = any(
            part.startswith((".", "__MACOSX")) and part not in ("..", *KEPT_THOUGH_HIDDEN)
            for part in path.split("/")
        )
        if item.is_dir() or hidden:
            continue
        if path in seen:
            raise _refused(f"{name} has {path} twice")
        if item.flag_bits & 1:
            raise _refused(f"{name} is encrypted")
        seen.add(path)
        with archive.open(item) as stream:  # what the header says of the size is not believed
            content = stream.read(budget.most)
        budget.take(path, len(content))
        yield path, content


def _text(path: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"{path} is no text in UTF-8 (byte {error.start})") from error
    if "\0" in text:
        raise _refused(f"{path} is binary")
    return text


def _shown(path: str, text: str, share: int) -> str:
    """What engines see of a file: all of it, or its shape and its head; without what no document may hold."""
    return without_tricks(_head_of(path, text, share))


def _head_of(path: str, text: str, share: int) -> str:
    if not text:
        return "[the file is empty]"
    if len(text) <= share:
        return text
    lines = text.splitlines()
    middle = max(len(lines) // 2, _HEAD_LINES)
    head = _some(lines[:_HEAD_LINES], share * 2 // 3)
    shape = [f"{len(text.encode()):,} bytes", f"{len(lines):,} lines", *_shape(path, text, lines)]
    shown = [f"[{', '.join(shape)}; its first {len(head)} lines:]", *head]
    if inner := _some(lines[middle : middle + _MIDDLE_LINES], share // 3):
        shown += [f"[and from line {middle + 1} on:]", *inner]
    return "\n".join(shown)


def _some(lines: Sequence[str], share: int) -> list[str]:
    """Lines, cut where they are long, as many as fit."""
    some: list[str] = []
    for line in lines:
        cut = line[:_LONGEST_LINE] + ("…" if len(line) > _LONGEST_LINE else "")
        if sum(map(len, some)) + len(cut) > share:
            break
        some.append(cut)
    return some


def _shape(path: str, text: str, lines: Sequence[str]) -> Iterator[str]:
    if path.endswith(".json"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            keys = ", ".join(list(value)[:20])
            yield f"an object with the keys {keys[:_LONGEST_LINE]}"
        elif isinstance(value, list):
            yield f"a list of {len(value):,}"
        return
    try:
        dialect = csv.Sniffer().sniff("\n".join(lines[:20])[:10_000], delimiters="\t;,|")
    except csv.Error:
        return
    yield f"{lines[0].count(dialect.delimiter) + 1} columns parted by {dialect.delimiter!r}"
