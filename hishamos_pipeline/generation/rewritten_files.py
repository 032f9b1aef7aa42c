"""Files that a model has written anew, although little of what they are made from had changed."""

from collections.abc import Iterator

from hishamos_pipeline.core.artifacts.documents import FileKind
from hishamos_pipeline.core.pipeline.graph import file_set_of
from hishamos_pipeline.generation.file_asks import FILE_ARTIFACTS
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.units import REWRITTEN

_KINDS: tuple[FileKind, ...] = ("source", "test", "docs")


def rewritten_files(project: Project) -> tuple[str, ...]:
    """The files of the newest build that are so, each with its lines and with what had changed."""
    return tuple(found for kind in _KINDS for found in _of_kind(project, FILE_ARTIFACTS[kind]))


def _of_kind(project: Project, artifact: str) -> Iterator[str]:
    reasons = project.store.units.reasons(project.key, artifact, REWRITTEN)
    before = _built_before(project, artifact) if reasons else frozenset()
    for file in project.files(artifact) if reasons else ():
        if (reason := reasons.get(file.sha256)) and file.sha256 not in before:
            yield f"{file.path}: {reason.removeprefix(REWRITTEN)}"


def _built_before(project: Project, artifact: str) -> frozenset[str]:
    """Hashes of the files that the build before the newest was made of; the newest may still go on."""
    artifacts = project.store.artifacts
    built = artifacts.history(project.key, "verified_build")[::-1]
    head = artifacts.head(project.key, artifact)
    is_built = bool(built and head and built[0].inputs.get(artifact) == head.content_hash)
    former = built[1:2] if is_built else built[:1]
    found = project.input_of(former[0], artifact, file_set_of(artifact)) if former else None
    return frozenset(file.sha256 for file in found.files) if found else frozenset()
