"""Files that people have edited, and that say what is not so any more: what they are written from has changed since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    FileKind,
    FileSet,
    Requirements,
    Stories,
    TestSuite,
)
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.generation.file_asks import FILE_ARTIFACTS, Plans, file_asks
from hishamos_pipeline.generation.keeping import changes, pieces
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
    try:
        now = Plans(
            project.read("architecture", Architecture),
            project.read("stories", Stories),
            project.read("requirements", Requirements),
        )
    except ArtifactMissingError:
        return ()
    return tuple(
        found
        for file_kind, artifact in FILE_ARTIFACTS.items()
        for found in _of_artifact(project, file_kind, artifact, now)
    )


def _of_artifact(project: Project, file_kind: FileKind, artifact: str, now: Plans) -> Iterator[OutdatedEdit]:
    edited = project.edited_files(artifact)
    if not edited:
        return
    history = project.store.artifacts.history(project.key, artifact)
    asked = {ask.name: ask.question for ask in file_asks(now, file_kind)}
    edits = project.store.edits.active(project.key, artifact)
    hashes = {edit.item: edit.content["sha256"] for edit in edits if edit.content}
    for path, text in edited.items():
        row = _edited_in(history, path, hashes[path])
        before = _plans_of(project, row) if row else None
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
        document = readable(row, TestSuite if row.kind == "test_suite" else FileSet)
        is_there = document and any(f.path == path and f.sha256 == sha256 for f in document.files)
        if is_there and row.origin == "human":
            return row
    return None


def _plans_of(project: Project, row: ArtifactRevision) -> Plans | None:
    architecture = project.input_of(row, "architecture", Architecture)
    stories = project.input_of(row, "stories", Stories)
    if architecture is None or stories is None:
        return None
    return Plans(architecture, stories, project.input_of(row, "requirements", Requirements))
