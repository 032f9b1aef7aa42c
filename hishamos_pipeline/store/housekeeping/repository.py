"""What the store removes: superseded revisions, units and texts that nothing is made of any more, whole projects."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.pipeline.retention import Revision, superseded
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import DeletionRefusedError, ProjectNotFoundError
from hishamos_pipeline.store.agent_tasks.tables import AgentTaskRow
from hishamos_pipeline.store.artifacts.tables import ArtifactRow
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.calls.tables import LlmBodyRow, LlmCallRow
from hishamos_pipeline.store.conversations.tables import ConversationRow, ToolCallRow
from hishamos_pipeline.store.credentials.tables import CredentialRow
from hishamos_pipeline.store.deliveries.tables import GeneratedProjectRow, ProjectFileRow, RepositoryExportRow
from hishamos_pipeline.store.edits.tables import EditRow, ProposalRow
from hishamos_pipeline.store.projects.records import Deletion
from hishamos_pipeline.store.projects.tables import DeletionRow, IdeaRow, ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_new
from hishamos_pipeline.store.units.tables import BlobRow, UnitRow

T = TypeVar("T")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_IN_WORK = ("submitted", "building")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Thinned:
    """What was taken out of a project: numbers, and the revisions' size in bytes."""

    revisions: int = 0
    trees: int = 0
    units: int = 0
    bytes: int = 0


class Housekeeping:
    """Removes rows; nothing of a project that is in work, and every project in one transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def crowded(self, keep: int, before: datetime) -> list[str]:
        """Keys of projects with more revisions of an artifact than are kept, some of them from before a time."""
        groups = (
            select(ArtifactRow.project_id)
            .group_by(ArtifactRow.project_id, ArtifactRow.kind)
            .having(func.count() > keep, func.min(ArtifactRow.created_at) < before)
        )
        query = select(ProjectRow.key).where(ProjectRow.id.in_(groups), ProjectRow.state.not_in(_IN_WORK))
        with self._sessions.read() as session:
            return list(session.scalars(query.order_by(ProjectRow.key)))

    def thin(self, key: str, *, keep: int, before: datetime, dry_run: bool = False) -> Thinned:
        """Remove what is superseded in a project, unless it is in work; see ``core.pipeline.retention.superseded``.

        Args:
            key: the project.
            keep: how many revisions of each artifact are kept whatever their age.
            before: younger ones are kept.
            dry_run: only say what would go.
        """
        with self._sessions.read() if dry_run else self._sessions.write() as session:
            try:
                project = find_project(session, key)
            except ProjectNotFoundError:
                return Thinned()
            if project.state in _IN_WORK:
                return Thinned()
            going = superseded(
                _revisions(session, project.id),
                keep=keep,
                before=before,
                verified=_last_verified(session, project.id),
            )
            trees = _old_trees(session, project.id, before)
            gone = {item.id for item in going}
            units = _unused_units(session, project.id, gone, trees, before)
            if not dry_run:
                _remove(session, ArtifactRow, gone)
                _remove(session, GeneratedProjectRow, trees)
                _remove(session, UnitRow, units)
            return Thinned(len(gone), len(trees), len(units), sum(item.size for item in going))

    def unused_blobs(self, before: datetime) -> dict[str, int]:
        """Sizes in bytes, by hash, of texts that no unit, tree, brief, artifact or edit names any more."""
        with self._sessions.read() as session:
            candidates = dict(
                session.execute(select(BlobRow.sha256, BlobRow.size).where(*_loose(before))).all()
            )
            contents = (
                select(ArtifactRow.content),
                select(IdeaRow.content),
                select(EditRow.content),
                select(EditRow.base_content),
                select(ProposalRow.content),
            )
            for query in contents:
                if not candidates:
                    break
                for content in session.scalars(query.execution_options(yield_per=100)):
                    for digest in _DIGEST.findall(content):
                        candidates.pop(digest, None)
        return candidates

    def remove_blobs(self, hashes: Iterable[str], before: datetime) -> int:
        """Remove texts, but none that somebody has begun to use meanwhile; how many went."""
        removed = 0
        for some in _batches(hashes):
            with self._sessions.write() as session:
                query = (
                    delete(BlobRow).where(BlobRow.sha256.in_(some), *_loose(before)).returning(BlobRow.sha256)
                )
                removed += len(session.scalars(query).all())
        return removed

    def begin_deletion(self, key: str, by: str) -> None:
        """Record that an archived project is being deleted; until that is done, nothing can build or submit it.

        Raises:
            ProjectNotFoundError: there is no such project.
            DeletionRefusedError: it is not archived any more.
        """
        with self._sessions.write() as session:
            if find_project(session, key).state != "archived":
                raise DeletionRefusedError(
                    f"{key} is not archived: run `hishamos projects archive {key}` first"
                )
            row = {"key": key, "requested_by": by[:120], "requested_at": self._sessions.clock.now()}
            insert_new(session, DeletionRow, [row])
            audit(session, self._sessions.clock.now(), "project.delete", key, by=by)

    def deletions(self) -> list[Deletion]:
        """Deletions that were begun and not finished."""
        with self._sessions.read() as session:
            rows = session.scalars(select(DeletionRow).order_by(DeletionRow.requested_at, DeletionRow.key))
            return [record(Deletion, row) for row in rows]

    def remove_project(self, key: str) -> None:
        """Remove all rows of a project; what its model calls have cost stays on the books, without their texts."""
        with self._sessions.write() as session:
            calls = select(LlmCallRow.id).where(LlmCallRow.project == key)
            session.execute(delete(LlmBodyRow).where(LlmBodyRow.call_id.in_(calls)))
            session.execute(delete(ToolCallRow).where(ToolCallRow.project == key))
            session.execute(delete(AgentTaskRow).where(AgentTaskRow.project == key))
            session.execute(delete(ConversationRow).where(ConversationRow.project == key))
            # The next project of this key may be somebody else's.
            session.execute(
                delete(CredentialRow).where(CredentialRow.name.startswith(f"secret:{key}/", autoescape=True))
            )
            session.execute(delete(ProjectRow).where(ProjectRow.key == key))

    def end_deletion(self, key: str) -> None:
        """Record that nothing is left of a project."""
        with self._sessions.write() as session:
            session.execute(delete(DeletionRow).where(DeletionRow.key == key))
            audit(session, self._sessions.clock.now(), "project.deleted", key)


def _revisions(session: Session, project_id: int) -> list[Revision]:
    row = ArtifactRow
    query = select(
        row.id, row.kind, row.revision, row.content_hash, row.inputs, row.created_at, func.length(row.content)
    )
    return [Revision(*found) for found in session.execute(query.where(row.project_id == project_id))]


def _last_verified(session: Session, project_id: int) -> int | None:
    query = (
        select(ArtifactRow.id, ArtifactRow.content)
        .where(ArtifactRow.project_id == project_id, ArtifactRow.kind == "verified_build")
        .order_by(ArtifactRow.revision.desc())
        .execution_options(yield_per=1)
    )
    return next((id_ for id_, content in session.execute(query) if json.loads(content).get("passed")), None)


def _old_trees(session: Session, project_id: int, before: datetime) -> set[int]:
    """Records of trees that are neither the newest, nor the newest complete one, nor what was published from."""
    query = (
        select(GeneratedProjectRow.id, GeneratedProjectRow.status, GeneratedProjectRow.created_at)
        .where(GeneratedProjectRow.project_id == project_id)
        .order_by(GeneratedProjectRow.created_at.desc(), GeneratedProjectRow.id.desc())
    )
    rows = session.execute(query).all()
    newest_of_each = {status: id_ for id_, status, _ in reversed(rows)}
    published = set(
        session.scalars(
            select(RepositoryExportRow.generated_project_id)
            .join(GeneratedProjectRow, GeneratedProjectRow.id == RepositoryExportRow.generated_project_id)
            .where(GeneratedProjectRow.project_id == project_id, RepositoryExportRow.details != "")
        )
    )
    kept = {*(rows[:1] and [rows[0].id]), *newest_of_each.values(), *published}
    return {id_ for id_, _, created_at in rows if created_at < before and id_ not in kept}


def _unused_units(
    session: Session, project_id: int, revisions: set[int], trees: set[int], before: datetime
) -> set[int]:
    """Old units whose text is in nothing that stays, once these revisions and trees are gone."""
    old = session.execute(
        select(UnitRow.id, UnitRow.blob).where(UnitRow.project_id == project_id, UnitRow.created_at < before)
    ).all()
    if not old:
        return set()
    used: set[str] = set()
    contents = select(ArtifactRow.id, ArtifactRow.content)
    for id_, content in session.execute(contents.where(ArtifactRow.project_id == project_id)):
        if id_ not in revisions:
            used.update(_DIGEST.findall(content))
    files = (
        select(ProjectFileRow.generated_project_id, ProjectFileRow.content_hash)
        .join(GeneratedProjectRow, GeneratedProjectRow.id == ProjectFileRow.generated_project_id)
        .where(GeneratedProjectRow.project_id == project_id)
    )
    used |= {digest for tree, digest in session.execute(files) if tree not in trees}
    return {id_ for id_, digest in old if digest not in used}


def _loose(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        BlobRow.used_at < before,
        ~exists().where(UnitRow.blob == BlobRow.sha256),
        ~exists().where(ProjectFileRow.content_hash == BlobRow.sha256),
    )


def _remove(
    session: Session,
    table: type[ArtifactRow] | type[GeneratedProjectRow] | type[UnitRow],
    ids: Iterable[int],
) -> None:
    for some in _batches(ids):
        session.execute(delete(table).where(table.id.in_(some)))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    listed = list(items)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
