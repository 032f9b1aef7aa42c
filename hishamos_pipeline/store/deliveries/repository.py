"""The three records of what left the pipeline: GeneratedProjectRow, ProjectFileRow, RepositoryExportRow."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, selectinload

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.artifacts.target import Publication
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.deliveries.records import DeliveredFile, DeliveredTree, Export
from hishamos_pipeline.store.deliveries.tables import GeneratedProjectRow, ProjectFileRow, RepositoryExportRow
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, containing, read_page
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, stored_text
from hishamos_pipeline.store.units.tables import BlobRow

_SORTS: Sorts = {"path": ProjectFileRow.path, "size": ProjectFileRow.size}


class Deliveries:
    """Records generated trees and their exports."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def tree_bytes(self) -> int:
        """The size of all files of all delivered trees together."""
        with self._sessions.read() as session:
            return session.scalars(select(func.coalesce(func.sum(ProjectFileRow.size), 0))).one()

    def record_tree(self, key: str, directory: str, files: Iterable[TreeFile], *, passed: bool) -> None:
        """Record a tree with all its files; for the same folder again, its exports stay."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            row = session.scalars(
                select(GeneratedProjectRow).where(
                    GeneratedProjectRow.project_id == project.id,
                    GeneratedProjectRow.output_directory == directory,
                )
            ).one_or_none()
            if row is None:
                row = GeneratedProjectRow(project_id=project.id, output_directory=directory, created_at=now)
                session.add(row)
            row.status = "completed" if passed else "failed"
            row.completed_at = now
            row.files = []
            session.flush()
            row.files = [
                ProjectFileRow(
                    path=file.path,
                    size=file.size,
                    content_hash=file.sha256,
                    mode=0o755 if file.executable else 0o644,
                    stories=list(file.stories),
                )
                for file in files
            ]

    def newest(self, key: str) -> DeliveredTree | None:
        """The newest generated tree of a project, with its files and exports."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            row = session.scalars(
                select(GeneratedProjectRow)
                .where(GeneratedProjectRow.project_id == project.id)
                .options(selectinload(GeneratedProjectRow.files), selectinload(GeneratedProjectRow.exports))
                .order_by(GeneratedProjectRow.created_at.desc(), GeneratedProjectRow.id.desc())
                .limit(1)
            ).one_or_none()
            return _tree(row) if row else None

    def files(self, key: str, page: PageQuery) -> PageOf[DeliveredFile]:
        """A page of the files of a project's newest tree by path, those whose path contains a text.

        Raises:
            ProjectNotFoundError: there is no such project.
            UsageError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(ProjectFileRow).where(_in_newest_tree(session, key))
            if page.search:
                query = query.where(containing(page.search, ProjectFileRow.path))
            return read_page(session, query, _SORTS, ProjectFileRow.id, page, partial(record, DeliveredFile))

    def file(self, key: str, path: str) -> tuple[DeliveredFile, str]:
        """A file of a project's newest tree, and its text.

        Raises:
            ProjectNotFoundError: there is no such project.
            ArtifactMissingError: there is no such file.
        """
        with self._sessions.read() as session:
            found = session.execute(_with_text(session, key).where(ProjectFileRow.path == path)).one_or_none()
        if found is None:
            raise ArtifactMissingError(
                f"project {key!r} has no file {path!r}: see `hishamos files list {key}`"
            )
        return record(DeliveredFile, found[0]), found[1]

    def folder(self, key: str, folder: str) -> list[DeliveredFile]:
        """The files of a folder of a project's newest tree by path; of the whole tree for none.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        inside = f"{folder.strip('/')}/" if folder else ""
        with self._sessions.read() as session:
            query = select(ProjectFileRow).where(_in_newest_tree(session, key)).order_by(ProjectFileRow.path)
            if inside:  # compared exactly: LIKE does not know upper from lower case on SQLite
                query = query.where(func.substr(ProjectFileRow.path, 1, len(inside)) == inside)
            return [record(DeliveredFile, row) for row in session.scalars(query)]

    def newest_status(self, key: str) -> str:
        """The status of the newest tree of a project; empty if there is none."""
        with self._sessions.read() as session:
            query = (
                select(GeneratedProjectRow.status)
                .where(GeneratedProjectRow.project_id == find_project(session, key).id)
                .order_by(GeneratedProjectRow.created_at.desc(), GeneratedProjectRow.id.desc())
            )
            return session.scalars(query.limit(1)).one_or_none() or ""

    def begin_export(self, key: str, destination: str) -> None:
        """Record that an export of the newest tree has begun."""
        with self._sessions.write() as session:
            row = _export(session, key, destination)
            row.status, row.error, row.completed_at = "running", "", None
            row.created_at = self._sessions.clock.now()

    def complete_export(self, key: str, destination: str, *, url: str, checksum: str) -> None:
        """Record that an export is there: its file URL, and a SHA-256 or a commit id."""
        with self._sessions.write() as session:
            row = _export(session, key, destination)
            row.status, row.url, row.checksum, row.error = "completed", url, checksum, ""
            row.completed_at = now = self._sessions.clock.now()
            emit(session, now, find_project(session, key), "export.done", destination, url=url)

    def publication(self, key: str, destination: str) -> Publication | None:
        """How far a publication on a Git host has come, whichever tree it began with; ``None`` for none."""
        with self._sessions.read() as session:
            row = _published(session, find_project(session, key).id, destination)
            return Publication.model_validate_json(row.details) if row else None

    def keep_publication(self, key: str, destination: str, publication: Publication) -> None:
        """Record how far a publication has come."""
        with self._sessions.write() as session:
            _export(session, key, destination).details = publication.model_dump_json()

    def forget_publication(self, key: str, destination: str) -> bool:
        """Forget where a project was published, so that it is published anew; whether there was anything."""
        with self._sessions.write() as session:
            rows = session.scalars(_of_project(find_project(session, key).id, destination)).all()
            known = [row for row in rows if row.details]
            for row in known:
                row.details, row.url, row.error = "", "", ""
            return bool(known)

    def last_failed(self, key: str, destination: str) -> bool:
        """Whether the last export to a destination failed."""
        with self._sessions.read() as session:
            row = session.scalars(
                _of_project(find_project(session, key).id, destination).limit(1)
            ).one_or_none()
            return row is not None and row.status == "failed"

    def exports(self, key: str) -> list[Export]:
        """All exports of a project, the newest first."""
        with self._sessions.read() as session:
            rows = session.scalars(_of_project(find_project(session, key).id))
            return [record(Export, row) for row in rows]

    def fail_export(self, key: str, destination: str, error: str) -> None:
        """Record why an export failed."""
        with self._sessions.write() as session:
            row = _export(session, key, destination)
            row.status, row.error = "failed", stored_text(error)
            row.completed_at = now = self._sessions.clock.now()
            emit(session, now, find_project(session, key), "export.failed", destination, reason=error)


def _in_newest_tree(session: Session, key: str) -> ColumnElement[bool]:
    """The condition that a file is one of a project's newest tree."""
    newest = (
        select(GeneratedProjectRow.id)
        .where(GeneratedProjectRow.project_id == find_project(session, key).id)
        .order_by(GeneratedProjectRow.created_at.desc(), GeneratedProjectRow.id.desc())
        .limit(1)
    )
    return ProjectFileRow.generated_project_id == newest.scalar_subquery()


def _with_text(session: Session, key: str) -> Select[ProjectFileRow, str]:
    joined = select(ProjectFileRow, BlobRow.content).join(
        BlobRow, BlobRow.sha256 == ProjectFileRow.content_hash
    )
    return joined.where(_in_newest_tree(session, key))


def _tree(row: GeneratedProjectRow) -> DeliveredTree:
    files = tuple(record(DeliveredFile, file) for file in row.files)
    return record(DeliveredTree, row, files=files, exports=tuple(record(Export, e) for e in row.exports))


def _of_project(project_id: int, destination: str = "") -> Select[RepositoryExportRow]:
    query = (
        select(RepositoryExportRow)
        .join(GeneratedProjectRow, GeneratedProjectRow.id == RepositoryExportRow.generated_project_id)
        .where(GeneratedProjectRow.project_id == project_id)
        .order_by(RepositoryExportRow.id.desc())
    )
    return query.where(RepositoryExportRow.type == destination) if destination else query


def _published(session: Session, project_id: int, destination: str) -> RepositoryExportRow | None:
    query = _of_project(project_id, destination).where(RepositoryExportRow.details != "").limit(1)
    return session.scalars(query).one_or_none()


def _export(session: Session, key: str, destination: str) -> RepositoryExportRow:
    project = find_project(session, key)
    tree = session.scalars(
        select(GeneratedProjectRow)
        .where(GeneratedProjectRow.project_id == project.id)
        .order_by(GeneratedProjectRow.created_at.desc(), GeneratedProjectRow.id.desc())
        .limit(1)
    ).one()
    row = session.scalars(
        select(RepositoryExportRow).where(
            RepositoryExportRow.generated_project_id == tree.id, RepositoryExportRow.type == destination
        )
    ).one_or_none()
    if row is None:
        row = RepositoryExportRow(
            generated_project_id=tree.id,
            type=destination,
            status="running",
            created_at=tree.created_at,
        )
        session.add(row)
    return row
