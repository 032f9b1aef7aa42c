"""Files that a model has written anew, although little of what they are made from had changed."""

from collections.abc import Iterator

from hishamos_pipeline.core.artifacts.documents import FileKind
from hishamos_pipeline.generation.file_asks import FILE_ARTIFACTS
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.units import REWRITTEN

_KINDS: tuple[FileKind, ...] = ("source", "test", "docs")


def rewritten_files(project: Project) -> tuple[str, ...]:
    """The files of the newest build that are so, each with its lines and with what had changed."""
    return tuple(found for kind in _KINDS for found in _of_kind(project, FILE_ARTIFACTS[kind]))


def _of_kind(project: Project, artifact: str) -> Iterator[str]:
    reasons = project.store.units.reasons(project.key, artifact, REWRITTEN)
    for file in project.files(artifact) if reasons else ():
        if reason := reasons.get(file.sha256):
            yield f"{file.path}: {reason.removeprefix(REWRITTEN)}"
