"""What there is of one project: its documents in the store, and its files in the workspace."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import (
    PlanFault,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.graph import file_set_of
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import readable
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.storage import Storage, open_storage

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Project:
    """A project by its key.

    Args:
        key: the project's key.
        store: the project store.
        settings: limits and folders.
    """

    key: str
    store: ProjectStore
    settings: Settings

    @cached_property
    def folder(self) -> ProjectFolder:
        """Its folder on this machine.

        Raises:
            ProjectKeyError: the key breaks the slug rule.
        """
        return ProjectFolder(self.settings.projects_dir, self.key)

    @cached_property
    def storage(self) -> Storage | None:
        """Where its published files are kept besides, if anywhere."""
        return open_storage(self.settings)

    def read(self, artifact: str, as_type: type[D]) -> D:
        """The newest document of a kind.

        Raises:
            ArtifactMissingError: it was never made.
        """
        return self.store.artifacts.read(self.key, artifact, as_type)

    def files(self, artifact: str) -> tuple[TreeFile, ...]:
        """The newest files of an artifact that is a set of them; none where it was never made."""
        try:
            return self.read(artifact, file_set_of(artifact)).files
        except ArtifactMissingError:
            return ()

    def blobs(self, hashes: Iterable[str]) -> dict[str, str]:
        """Texts of files by their SHA-256.

        Raises:
            KeyError: a text is not in the store.
        """
        return self.store.units.blobs(hashes)

    def idea(self) -> Idea:
        """The newest submitted brief.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        return self.store.projects.idea(self.key)

    def input_of(self, row: ArtifactRevision, artifact: str, as_type: type[D]) -> D | None:
        """The document of an input that a revision was made from; ``None`` where there is none that can be read."""
        found = self.store.artifacts.with_hash(self.key, artifact, row.inputs.get(artifact, ""))
        return readable(found, as_type) if found else None

    def plan_faults(self) -> tuple[PlanFault, ...]:
        """What the verification of the newest plan has found wrong with it; of an older plan it says nothing."""
        artifacts = self.store.artifacts
        plan, build = artifacts.head(self.key, "architecture"), artifacts.head(self.key, "verified_build")
        if plan is None or build is None or build.inputs.get("architecture") != plan.content_hash:
            return ()
        document = readable(build, VerifiedBuild)
        return document.plan_faults if document else ()

    def edited_files(self, artifact: str) -> dict[str, str]:
        """The texts of an artifact's files that people have edited, by path."""
        edits = self.store.edits.active(self.key, artifact)
        hashes = {edit.item: edit.content["sha256"] for edit in edits if edit.content}
        texts = self.blobs(hashes.values())
        return {path: texts[digest] for path, digest in hashes.items()}
