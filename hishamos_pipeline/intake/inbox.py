"""The inbox folder: files become ideas; a bad one is set aside until it changes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hishamos_pipeline.core.text.hashing import file_sha256
from hishamos_pipeline.errors import HishamosError, ProjectBusyError, StorageError
from hishamos_pipeline.intake.brief import SUFFIXES, read_brief
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.projects.repository import Projects, Submission
from hishamos_pipeline.workspace.disk import replacing

ERROR_SUFFIX = ".error.txt"


@dataclass(frozen=True, slots=True)
class InboxResult:
    """What became of one file: a submission, or the error that was written beside it."""

    path: Path
    submission: Submission | None
    error: str = ""


def take_in(settings: Settings, projects: Projects) -> list[InboxResult]:
    """Read new files of the inbox, at most ``inbox_ideas_per_tick`` of them.

    An accepted file moves to ``accepted/``. One that fails stays, with ``NAME.error.txt`` beside it that
    names the file's hash; it is read again when its content changes.

    Raises:
        OSError: if the inbox itself cannot be read; that is not the same as an empty one.
        StorageError: the project store cannot be reached; nothing is set aside for that.
    """
    settings.inbox.mkdir(parents=True, exist_ok=True)
    results: list[InboxResult] = []
    for path in _new_files(settings.inbox, settings.inbox_quiet_seconds):
        if len(results) == settings.inbox_ideas_per_tick:
            break
        results.append(_take(path, settings, projects))
    return results


def _new_files(inbox: Path, quiet_seconds: float) -> Iterator[Path]:
    for path in sorted(inbox.iterdir()):
        if path.is_symlink() or not path.is_file() or path.name.startswith("."):
            continue
        if path.name.endswith(ERROR_SUFFIX) or path.suffix.lower() not in SUFFIXES:
            continue
        note = _note(path)
        if note.exists() and f"sha256 {file_sha256(path)}" in note.read_text(errors="replace"):
            continue
        if time.time() - path.stat().st_mtime < quiet_seconds:
            continue  # somebody may still be writing it
        yield path


def _take(path: Path, settings: Settings, projects: Projects) -> InboxResult:
    try:
        # One byte over the limit is enough to know that a file is too large.
        with path.open("rb") as stream:
            raw = stream.read(settings.max_brief_bytes + 1)
        idea = read_brief(
            raw,
            path.name,
            max_bytes=settings.max_brief_bytes,
            max_features=settings.max_features,
        )
        submission = projects.submit(idea, f"inbox/{path.name}")
    except StorageError:
        raise  # the brief is not at fault: the next tick reads it again
    except ProjectBusyError as error:
        return InboxResult(path, None, str(error))  # so does one that comes after the deletion
    except (HishamosError, OSError) as error:
        message = str(error)
        digest = file_sha256(path) if path.exists() else "gone"
        with replacing(_note(path)) as note:  # were there a link, it would not be followed
            note.write_text(
                f"{path.name} was not accepted:\n\n{message}\n\n"
                f"Change the file and it will be read again.\nsha256 {digest}\n"
            )
        return InboxResult(path, None, message)
    accepted = path.parent / "accepted"
    accepted.mkdir(exist_ok=True)
    path.replace(accepted / f"{path.stem}.r{submission.revision}{path.suffix}")
    _note(path).unlink(missing_ok=True)
    return InboxResult(path, submission)


def _note(path: Path) -> Path:
    return path.with_name(path.name + ERROR_SUFFIX)
