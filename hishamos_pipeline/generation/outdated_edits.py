"""Files that people have edited, and that say what is not so any more: what they are written from has changed since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.documents import FileKind
from hishamos_pipeline.core.pipeline.graph import file_set_of
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.generation.file_asks import FILE_ARTIFACTS, Plans, file_asks
from hishamos_pipeline.generation.keeping import changes, pieces
from hishamos_pipeline.generation.plans import plans_now, plans_of
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import readable


@dataclass(frozen=True, slots=True)
class OutdatedEdit:
    """An edited file, and what of that which it is written from is another since: commands, signatures, criteria."""

    artifact: str
    path: str
    changed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}: changed since it was edited: {', '.join(self.changed)}"


def outdated_edits(project: Project) -> tuple[OutdatedEdit, ...]:
    """The edits of generated files that stand and are out of date, by the plan and the backlog as they are."""
    edited = {kind: texts for kind, name in FILE_ARTIFACTS.items() if (texts := project.edited_files(name))}
    # Most projects have no such edits, and their documents need not be read.
    now = plans_now(project) if edited else None
    if now is None:
        return ()
    return tuple(found for kind, texts in edited.items() for found in _of_kind(project, kind, texts, now))


def _of_kind(
    project: Project, file_kind: FileKind, edited: Mapping[str, str], now: Plans
) -> Iterator[OutdatedEdit]:
    artifact = FILE_ARTIFACTS[file_kind]
    history = project.store.artifacts.history(project.key, artifact)
    asked = {ask.name: ask.question for ask in file_asks(now, file_kind)}
    for path, text in edited.items():
        row = _edited_in(history, path, sha256_text(text))
        before = plans_of(project, row) if row else None
        if before is None or path not in asked:
            continue
        then = {ask.name: ask.question for ask in file_asks(before, file_kind)}
        if path in then:
            found = changes(pieces(then[path], text), pieces(asked[path], text))
            if found:
                yield OutdatedEdit(artifact, path, tuple(change.name for change in found))


def _edited_in(history: Sequence[ArtifactRevision], path: str, sha256: str) -> ArtifactRevision | None:
    """The revision by hand in which a file became what it is; ``None`` where it is not known any more."""
    for row in history:
        document = readable(row, file_set_of(row.kind))
        is_there = document and any(f.path == path and f.sha256 == sha256 for f in document.files)
        if is_there and row.origin == "human":
            return row
    return None
