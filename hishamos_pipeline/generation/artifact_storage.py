"""Published files: whether they are on this machine, kept in the storage besides, and brought back from there.

The storage is not trusted: trees and archives come back only with the hashes that the store knows, and of a repository
nothing but a bundle of its history, whose head the store knows too; its configuration and hooks are made anew.
"""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Archive, RepositoryRecord, TreeFile, VerifiedBuild
from hishamos_pipeline.core.text.hashing import file_sha256
from hishamos_pipeline.delivery import repository
from hishamos_pipeline.errors import ArtifactMissingError, DeliveryError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.storage import Storage
from hishamos_pipeline.workspace.tree import limits_of, write_tree

BUNDLE = "repository.bundle"
# ``restorable``: not here, or not whole, and perhaps in the storage; ``altered``: here, with other bytes.
Presence = Literal["here", "restorable", "missing", "altered"]


D = TypeVar("D", bound=Document)


class Published(Protocol):
    """Whose published files are looked for: a project, or a step's context."""

    @property
    def key(self) -> str:
        """The project's key."""
        ...

    @property
    def settings(self) -> Settings:
        """Limits."""
        ...

    @property
    def folder(self) -> ProjectFolder:
        """The project's folder on this machine."""
        ...

    @property
    def storage(self) -> Storage | None:
        """Where published files are kept besides."""
        ...

    def read(self, kind: str, as_type: type[D]) -> D:
        """The document of a kind."""
        ...

    def blobs(self, hashes: Iterable[str]) -> dict[str, str]:
        """Texts of files by their SHA-256."""
        ...


def repository_of(project: Published) -> Path:
    """The repository's folder, after it was brought back from the storage if another machine has made it.

    Raises:
        ArtifactMissingError: it was never made, or is neither here nor in the storage.
        DeliveryError: it is not whole.
        StorageError: the storage cannot be reached.
    """
    record = project.read("repository", RepositoryRecord)
    with project.folder.lock("restore-repository", wait_seconds=project.settings.lock_seconds):
        if not restore_repository(project.storage, project.folder, record):
            raise ArtifactMissingError(
                f"the repository of {project.key!r} is not on this machine: run `hishamos build {project.key}`"
            )
    path = project.folder.path(record.path)
    repository.require_whole(path, record.head)
    return path


def keep_tree(storage: Storage | None, folder: ProjectFolder, staged: Path, build: VerifiedBuild) -> None:
    """Keep a tree.

    Raises:
        StorageError: the storage refuses or cannot be reached.
    """
    if storage:
        storage.publish(folder.key, "tree", staged, build.tree_hash)


def keep_repository(storage: Storage | None, folder: ProjectFolder, staged: Path, head: str) -> None:
    """Keep a repository's history.

    Raises:
        StorageError: the storage refuses or cannot be reached.
        DeliveryError: git cannot bundle it.
    """
    if storage:
        bundle = staged.with_name(BUNDLE)
        repository.write_bundle(staged, bundle)
        storage.publish(folder.key, BUNDLE, bundle, head)
        bundle.unlink()


def keep_archive(storage: Storage | None, folder: ProjectFolder, staged: Path) -> None:
    """Keep an archive with its checksum.

    Raises:
        StorageError: the storage refuses or cannot be reached.
    """
    if storage:
        for path in (staged, Path(f"{staged}.sha256")):
            storage.publish(folder.key, path.name, path, "")


def presence(project: Published, document: Document) -> Presence:
    """Where the files of an artifact are, and whether they are whole, as far as that is seen at a glance.

    It is looked up on this machine alone; with a storage, another machine may have published newer ones.

    Args:
        project: the project.
        document: the artifact; one without published files is always ``here``.
    """
    storage, folder = project.storage, project.folder
    if isinstance(document, VerifiedBuild):
        there = storage is None or folder.holds("tree", document.tree_hash)
        return "here" if there and is_whole_tree(folder.path("tree"), document.files) else "restorable"
    if isinstance(document, RepositoryRecord):
        whole = repository.looks_whole(folder.path(document.path))
        if storage is None:
            return "here" if whole else "missing"
        return "here" if whole and folder.holds(document.path, document.head) else "restorable"
    if isinstance(document, Archive) and document.wanted:
        path = folder.path(document.path)
        if not path.is_file():
            return "missing" if storage is None else "restorable"
        if file_sha256(path) != document.sha256:
            return "altered"
        return "here" if _checksum_of(path).is_file() else "restorable"
    return "here"


def is_whole_tree(link: Path, files: Iterable[TreeFile]) -> bool:
    """Whether a published tree has its files, by their sizes, and by hash where one was written after publishing."""
    try:
        published = link.lstat().st_mtime
        for file in files:
            path = link / file.path
            facts = path.lstat()
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != file.size:
                return False
            if facts.st_mtime > published and file_sha256(path) != file.sha256:
                return False
    except OSError:
        return False
    return True


def damage(project: Published, document: Document) -> str:
    """What is wrong with the files of an artifact, looking at every byte; empty if nothing is, or it has none."""
    folder = project.folder
    if isinstance(document, VerifiedBuild):
        tree = folder.path("tree")
        other = [file.path for file in document.files if not _has(tree / file.path, file.sha256)]
        return f"{len(other)} of {len(document.files)} files differ, such as {other[0]}" if other else ""
    if isinstance(document, RepositoryRecord):
        try:
            repository.require_whole(folder.path(document.path), document.head)
        except DeliveryError as error:
            return str(error)
    if isinstance(document, Archive) and document.wanted:
        return "" if _has(folder.path(document.path), document.sha256) else f"{document.path} differs"
    return ""


def published_as(document: Document) -> str:
    """The name that an artifact's files are published under; empty if it has none."""
    if isinstance(document, VerifiedBuild):
        return "tree"
    return document.path if isinstance(document, RepositoryRecord | Archive) else ""


def _has(path: Path, sha256: str) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and file_sha256(path) == sha256
    except OSError:
        return False


def restore(project: Published, document: Document) -> bool:
    """Bring back the files of an artifact that are not on this machine, or not whole; whether they are here now.

    Raises:
        StorageError: the storage cannot be reached.
    """
    if isinstance(document, VerifiedBuild):
        return restore_tree(project, document)
    if isinstance(document, RepositoryRecord):
        return restore_repository(project.storage, project.folder, document)
    if isinstance(document, Archive) and document.wanted:
        return restore_archive(project.storage, project.folder, document)
    return True


def restore_tree(project: Published, build: VerifiedBuild) -> bool:
    """Whether the tree is here and whole, after it was brought back where it was not: from the store's texts, or else
    from the storage.

    Raises:
        StorageError: the disk refuses, or the storage cannot be reached.
    """
    if presence(project, build) == "here":
        return True
    storage, folder = project.storage, project.folder
    with folder.staging("restore-tree") as staging:
        tree = staging / "tree"
        try:
            texts = project.blobs(file.sha256 for file in build.files)
            write_tree(tree, build.files, texts, limits_of(project.settings))
        except KeyError:
            expected = {file.path: file.sha256 for file in build.files}
            if storage is None or storage.fetch(folder.key, "tree", tree, expected) is None:
                return False
            for file in build.files:
                (tree / file.path).chmod(0o755 if file.executable else 0o644)
        folder.publish_folder("tree", tree, build.tree_hash)
    return True


def restore_repository(storage: Storage | None, folder: ProjectFolder, record: RepositoryRecord) -> bool:
    """The same for the repository: made anew from the bundle, if that leads to the very head.

    Raises:
        StorageError: the storage cannot be reached.
    """
    whole = repository.looks_whole(folder.path(record.path))
    if storage is None or (whole and folder.holds(record.path, record.head)):
        return whole
    manifest = storage.manifest(folder.key, BUNDLE)
    if manifest is None or manifest.version != record.head:
        return False
    with folder.staging("restore-repository") as staging:
        expected = {path: file.sha256 for path, file in manifest.files.items()}
        bundle, made = staging / BUNDLE, staging / "repository"
        if storage.fetch(folder.key, BUNDLE, bundle, expected) is None:
            return False
        try:
            repository.from_bundle(bundle, made, record.head)
        except DeliveryError:
            return False
        folder.publish_folder(record.path, made, record.head)
    return True


def restore_archive(storage: Storage | None, folder: ProjectFolder, archive: Archive) -> bool:
    """The same for an archive and its checksum.

    Raises:
        StorageError: the storage cannot be reached.
    """
    path = folder.path(archive.path)
    checksum = _checksum_of(path)
    if not path.is_file() and storage is not None:
        with folder.staging("restore-archive") as staging:
            fetched = staging / archive.path
            if storage.fetch(folder.key, archive.path, fetched, {archive.path: archive.sha256}) is not None:
                folder.publish_file(archive.path, fetched)
    if path.is_file() and not checksum.is_file() and file_sha256(path) == archive.sha256:
        checksum.write_text(f"{archive.sha256}  {archive.path}\n")
    return path.is_file() and checksum.is_file()


def _checksum_of(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.sha256")
