"""A project's files of all four kinds, put together with what they are judged by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

from hishamos_pipeline.core.artifacts.criteria import suite_of
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    FileChange,
    Stories,
    TestSuite,
    TreeFile,
)
from hishamos_pipeline.core.pipeline.graph import file_set_of
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.verification import provenance
from hishamos_pipeline.verification.verify import Assembled

KINDS = ("source_code", "test_suite", "documentation", "ci_config")
D = TypeVar("D", bound=Document)


class DocumentReader(Protocol):
    """Reads documents and texts of a project: a step's context, or the project itself."""

    def read(self, artifact: str, as_type: type[D]) -> D:
        """The document of a kind."""
        ...

    def blobs(self, hashes: Iterable[str]) -> dict[str, str]:
        """Texts of files by their SHA-256."""
        ...


@dataclass(frozen=True)
class Parts:
    """The files as they were written or repaired; ``texts`` are found by SHA-256.

    ``first_tests`` are the test files by path before any repair.
    """

    files: tuple[TreeFile, ...]
    texts: Mapping[str, str]
    architecture: Architecture
    stories: Stories
    first_tests: Mapping[str, str]

    @cached_property
    def paths(self) -> Mapping[str, TreeFile]:
        """The files by path."""
        return {file.path: file for file in self.files}

    @property
    def suite(self) -> TestSuite:
        """The test files, and which test shows which criterion."""
        tests = tuple(file for file in self.files if file.path.startswith("tests/"))
        return suite_of(tests, self.texts)

    def requirements_of(self, path: str) -> set[str]:
        """The requirements that a file serves through its stories; none where it serves the product as a whole."""
        wanted = set(self.paths[path].stories)
        return {name for s in self.stories.stories if s.id in wanted for name in s.requirements}

    def text(self, path: str) -> str:
        """The text of a file, empty if there is none of that path."""
        file = self.paths.get(path)
        return self.texts[file.sha256] if file else ""

    def changed(self, texts: Mapping[str, str]) -> "Parts":
        """The same with other texts for some of its files."""
        found = {**self.texts, **{sha256_text(text): text for text in texts.values()}}
        files = tuple(
            file.model_copy(update={"sha256": sha256_text(text), "size": len(text.encode())})
            if (text := texts.get(file.path)) is not None
            else file
            for file in self.files
        )
        return replace(self, files=files, texts=found)


def gather(project: DocumentReader) -> Parts:
    """What the engine or a person has written, before any repair.

    Raises:
        ArtifactMissingError: one of the sets was never made.
    """
    sets = [project.read(kind, file_set_of(kind)) for kind in KINDS]
    files = tuple(file for part in sets for file in part.files)
    texts = project.blobs(file.sha256 for file in files)
    return Parts(
        files=files,
        texts=texts,
        architecture=project.read("architecture", Architecture),
        stories=project.read("stories", Stories),
        first_tests={file.path: texts[file.sha256] for file in files if file.path.startswith("tests/")},
    )


def with_repairs(project: DocumentReader, parts: Parts, repairs: tuple[FileChange, ...]) -> Parts:
    """The parts with earlier repairs of exactly these files: what was paid once is not paid again."""
    known = {(item.path, item.before): item.after for item in repairs}
    wanted = {
        file.path: known[file.path, file.sha256] for file in parts.files if (file.path, file.sha256) in known
    }
    texts = project.blobs(wanted.values())
    return parts.changed({path: texts[digest] for path, digest in wanted.items()})


def differences(first: Parts, now: Parts) -> tuple[FileChange, ...]:
    """The files of ``now`` that are not as they were first."""
    return tuple(
        FileChange(path=old.path, before=old.sha256, after=now.paths[old.path].sha256)
        for old in first.files
        if old.path in now.paths and now.paths[old.path].sha256 != old.sha256
    )


def assemble(step: StepContext, parts: Parts) -> Assembled:
    """The whole tree with its record of provenance."""
    heads = {artifact: step.revision(artifact) for artifact in ("architecture", "stories", *KINDS)}
    record = provenance.provenance(
        key=step.key,
        files=parts.files,
        stories=parts.stories,
        producers={artifact: _produced(row) for artifact, row in heads.items()},
        hashes={artifact: row.content_hash for artifact, row in heads.items()},
    )
    entry = TreeFile(path=provenance.PATH, sha256=sha256_text(record), size=len(record.encode()))
    return Assembled(
        files=tuple(sorted([*parts.files, entry], key=lambda file: file.path)),
        texts={**parts.texts, entry.sha256: record},
        architecture=parts.architecture,
        stories=parts.stories,
        suite=parts.suite,
        first_tests=parts.first_tests,
        theirs=frozenset(step.edited_items(KINDS)),
    )


def _produced(row: ArtifactRevision) -> dict[str, str]:
    return {"role": row.role, "engine": row.engine, "origin": row.origin, "code_version": row.code_version}
