"""The inbox folder: briefs, alone or in a folder or ZIP with files beside them, become ideas.

What cannot be read is set aside until it changes.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hishamos_pipeline.core.text.hashing import content_hash, file_sha256
from hishamos_pipeline.errors import HishamosError, ProjectBusyError, StorageError
from hishamos_pipeline.intake.files import accept, packed, read_paths
from hishamos_pipeline.intake.folders import brief_among, unpacked_brief
from hishamos_pipeline.intake.guarded import read_guarded
from hishamos_pipeline.intake.source import refuse_unread
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.projects.repository import Projects, Submission
from hishamos_pipeline.workspace.disk import newest_change, replacing

ERROR_SUFFIX = ".error.txt"
ACCEPTED = "accepted"
# What editors and browsers write until a file is whole.
_UNFINISHED = ("~", ".part", ".crdownload", ".download", ".tmp", ".swp")
_LARGE = 10_000_000
_ZIP = ".zip"


@dataclass(frozen=True, slots=True)
class InboxResult:
    """What became of one entry: a submission, or the error that was written beside it."""

    path: Path
    submission: Submission | None
    error: str = ""


def take_in(settings: Settings, projects: Projects) -> list[InboxResult]:
    """Read new entries of the inbox, at most ``inbox_ideas_per_tick`` of them.

    An entry is a brief, or a folder or ZIP that holds one and the files that are handed in with it. An accepted one
    moves to ``accepted/``. One that fails stays, with ``NAME.error.txt`` beside it that names its hash; it is read
    again when its content changes.

    Raises:
        OSError: if the inbox itself cannot be read; that is not the same as an empty one.
        StorageError: the project store cannot be reached; nothing is set aside for that.
    """
    settings.inbox.mkdir(parents=True, exist_ok=True)
    results: list[InboxResult] = []
    for path in _new_entries(settings.inbox, settings.inbox_quiet_seconds):
        if len(results) == settings.inbox_ideas_per_tick:
            break
        results.append(_take(path, settings, projects))
    return results


def _new_entries(inbox: Path, quiet_seconds: float) -> Iterator[Path]:
    for path in sorted(inbox.iterdir()):
        if path.is_symlink() or path.name.startswith(".") or path.name.endswith(ERROR_SUFFIX):
            continue
        if path.is_dir():
            if path.name == ACCEPTED or not any(path.iterdir()):
                continue
        elif path.name.lower().endswith(_UNFINISHED):
            continue
        note = _note(path)
        if note.exists() and f"sha256 {_digest(path)}" in note.read_text(errors="replace"):
            continue
        if time.time() - newest_change(path).timestamp() < quiet_seconds:
            continue  # somebody may still be writing it
        yield path


def _take(path: Path, settings: Settings, projects: Projects) -> InboxResult:
    try:
        name, raw, beside = _read(path, settings)
        read = read_guarded(raw, name, settings)
        idea = read.idea
        handed = accept(beside, settings) if beside is not None else None
        if handed is not None:
            idea = idea.model_copy(update={"files": handed.files})
        source, texts = f"inbox/{path.name}", handed.texts if handed else None
        submission = projects.submit(idea, source, texts, replaces=read.names_key)
    except StorageError:
        raise  # the brief is not at fault: the next tick reads it again
    except ProjectBusyError as error:
        return InboxResult(path, None, str(error))  # so does one that comes after the deletion
    except (HishamosError, OSError) as error:
        message = str(error)
        digest = _digest(path) if path.exists() else "gone"
        with replacing(_note(path)) as note:  # were there a link, it would not be followed
            note.write_text(
                f"{path.name} was not accepted:\n\n{message}\n\n"
                f"Change it and it will be read again.\nsha256 {digest}\n"
            )
        return InboxResult(path, None, message)
    accepted = path.parent / ACCEPTED
    accepted.mkdir(exist_ok=True)
    path.replace(_free(accepted, f"{path.stem}.r{submission.revision}", path.suffix))
    _note(path).unlink(missing_ok=True)
    return InboxResult(path, submission)


def _read(path: Path, settings: Settings) -> tuple[str, bytes, dict[str, bytes] | None]:
    """Name and bytes of the brief, and the files beside it; ``None`` where it came alone.

    Raises:
        IdeaError: several files could be the brief, or none could; or they are too many or too large.
    """
    if path.is_file() and path.suffix.lower() != _ZIP:
        refuse_unread(path.name)
        # One byte over the limit is enough to know that a file is too large.
        with path.open("rb") as stream:
            return path.name, stream.read(settings.max_brief_bytes + 1), None
    if path.is_dir():
        return brief_among(read_paths([path], settings), path.name)
    return unpacked_brief(path.name, packed(path, settings.max_handed_bytes), settings)


def _digest(path: Path) -> str:
    """What changes when the entry does; of a folder its names, sizes and times."""
    if path.is_file():
        found = path.stat()
        if found.st_size > _LARGE:  # looked at again and again, as long as it lies there
            return content_hash([found.st_size, found.st_mtime_ns])
        return file_sha256(path)
    facts = []
    for folder, _, names in os.walk(path):
        for name in names:
            found = (Path(folder) / name).lstat()
            facts.append([folder, name, found.st_size, found.st_mtime_ns])
    return content_hash(sorted(facts))


def _free(folder: Path, stem: str, suffix: str) -> Path:
    """A name in the folder that nothing has; a folder cannot take the place of one that is there."""
    target, number = folder / f"{stem}{suffix}", 1
    while target.is_dir():
        number += 1
        target = folder / f"{stem}.{number}{suffix}"
    return target


def _note(path: Path) -> Path:
    return path.with_name(path.name + ERROR_SUFFIX)
