"""Artifacts: documents with what they were made from, revision by revision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.errors import ArtifactMissingError, EditError
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.tables import ApprovalRow, ArtifactRow
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.organizations.scope import visible
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made an artifact, from what, at which cost in US dollars and seconds."""

    inputs: Mapping[str, str]
    code_version: str
    role: str
    engine: str
    origin: str = "blueprint"
    cost_usd: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    prompt_version: str = ""
    reason: str = ""
    author: str = ""
    batch: str = ""


def as_revision(artifact: str, document: Document) -> ArtifactRevision:
    """A document as a revision that nobody has written: of revision 0, made by nobody, at no time."""
    content = canonical_json(document)
    return ArtifactRevision(
        id=0, project_id=0, kind=artifact, revision=0, content=content, content_hash=sha256_text(content), inputs={},
        code_version="", role="", engine="", origin="", cost_usd=0.0, seconds=0.0, calls=0, input_tokens=0,
        output_tokens=0, prompt_version="", reason="", author="", batch="", created_at=datetime.min.replace(tzinfo=UTC),
    )  # fmt: skip


class Artifacts:
    """Reads and writes artifacts."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def write(
        self, key: str, artifact: str, document: Document, made_by: Provenance, *, again: bool = False
    ) -> ArtifactRevision:
        """Add a revision. Content and inputs equal to the newest revision's add none, unless it was made ``again``.

        Raises:
            ProjectNotFoundError: if there is no such project.
            TypeError: if the document is not of the kind's type.
        """
        if type(document) is not STEPS[artifact].document:
            raise TypeError(f"{artifact} is a {STEPS[artifact].document.__name__}, not {type(document)}")
        content = canonical_json(document)
        digest = sha256_text(content)
        with self._sessions.write() as session:
            project = find_project(session, key)
            newest = _newest(session, key, artifact)
            if (
                not again
                and newest is not None
                and newest.content_hash == digest
                and newest.inputs == dict(made_by.inputs)
                and newest.code_version == made_by.code_version
            ):
                return record(ArtifactRevision, newest)
            row = ArtifactRow(
                project_id=project.id,
                kind=artifact,
                revision=newest.revision + 1 if newest else 1,
                content=content,
                content_hash=digest,
                inputs=dict(made_by.inputs),
                code_version=made_by.code_version,
                role=made_by.role,
                engine=made_by.engine,
                origin=made_by.origin,
                cost_usd=made_by.cost_usd,
                seconds=made_by.seconds,
                calls=made_by.calls,
                input_tokens=made_by.input_tokens,
                output_tokens=made_by.output_tokens,
                prompt_version=made_by.prompt_version,
                reason=made_by.reason,
                author=made_by.author,
                batch=made_by.batch,
                created_at=self._sessions.clock.now(),
            )
            session.add(row)
            session.flush()
            if made_by.origin != "human":
                emit(
                    session, row.created_at, project, "step.made", artifact,
                    revision=row.revision, reason=made_by.reason, seconds=made_by.seconds, cost_usd=made_by.cost_usd,
                )  # fmt: skip
            return record(ArtifactRevision, row)

    def head(self, key: str, artifact: str) -> ArtifactRevision | None:
        """The newest revision of an artifact, ``None`` if it was never made."""
        with self._sessions.read() as session:
            row = _newest(session, key, artifact)
            return record(ArtifactRevision, row) if row else None

    def heads(self, key: str) -> dict[str, ArtifactRevision]:
        """The newest revision of every artifact that exists."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            last = (
                select(ArtifactRow.kind, func.max(ArtifactRow.revision).label("revision"))
                .where(ArtifactRow.project_id == project.id)
                .group_by(ArtifactRow.kind)
                .subquery()
            )
            rows = session.scalars(
                select(ArtifactRow)
                .join(
                    last,
                    (ArtifactRow.kind == last.c.kind) & (ArtifactRow.revision == last.c.revision),
                )
                .where(ArtifactRow.project_id == project.id)
            )
            return {row.kind: record(ArtifactRevision, row) for row in rows}

    def revision(self, key: str, artifact: str, number: int) -> ArtifactRevision:
        """One revision of an artifact.

        Raises:
            ArtifactMissingError: there is no such revision.
        """
        with self._sessions.read() as session:
            project = find_project(session, key)
            row = session.scalars(
                select(ArtifactRow).where(
                    ArtifactRow.project_id == project.id,
                    ArtifactRow.kind == artifact,
                    ArtifactRow.revision == number,
                )
            ).one_or_none()
        if row is None:
            raise ArtifactMissingError(
                f"project {key!r} has no {artifact}@{number}: see `hishamos history {key}`"
            )
        return record(ArtifactRevision, row)

    def history(self, key: str, artifact: str = "") -> list[ArtifactRevision]:
        """All revisions of a project, or of one of its artifacts, the oldest first."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(ArtifactRow).where(ArtifactRow.project_id == project.id)
            if artifact:
                query = query.where(ArtifactRow.kind == artifact)
            return [record(ArtifactRevision, row) for row in session.scalars(query.order_by(ArtifactRow.id))]

    def with_hash(self, key: str, artifact: str, content_hash: str) -> ArtifactRevision | None:
        """The newest revision of an artifact with this content."""
        with self._sessions.read() as session:
            query = (
                select(ArtifactRow)
                .join(ProjectRow, ProjectRow.id == ArtifactRow.project_id)
                .where(
                    ProjectRow.key == key,
                    visible(session),
                    ArtifactRow.kind == artifact,
                    ArtifactRow.content_hash == content_hash,
                )
                .order_by(ArtifactRow.id.desc())
            )
            row = session.scalars(query.limit(1)).first()
            return record(ArtifactRevision, row) if row else None

    def before(self, key: str, artifact: str, as_type: type[D]) -> D | None:
        """The newest document of a kind that this release can read; ``None`` if there is none."""
        row = self.head(key, artifact)
        if row is None or (document := readable(row, as_type)) is not None:
            return document if row else None
        older = reversed(self.history(key, artifact)[:-1])
        return next((found for row in older if (found := readable(row, as_type)) is not None), None)

    def edited_since(self, row_id: int, limit: int) -> list[tuple[str, ArtifactRevision]]:
        """Revisions of all projects that people have written after a row, with the projects' keys."""
        with self._sessions.read() as session:
            query = (
                select(ProjectRow.key, ArtifactRow)
                .join(ProjectRow, ProjectRow.id == ArtifactRow.project_id)
                .where(ArtifactRow.id > row_id, ArtifactRow.origin == "human", visible(session))
                .order_by(ArtifactRow.id)
                .limit(limit)
            )
            return [(key, record(ArtifactRevision, row)) for key, row in session.execute(query)]

    def require(self, key: str, artifact: str) -> ArtifactRevision:
        """The newest revision of an artifact.

        Raises:
            ArtifactMissingError: if it was never made.
        """
        row = self.head(key, artifact)
        if row is None:
            raise ArtifactMissingError(
                f"project {key!r} has no {artifact} yet: materialize it first, or run `hishamos build {key}`"
            )
        return row

    def read(self, key: str, artifact: str, as_type: type[D]) -> D:
        """The newest document of a kind.

        Raises:
            ArtifactMissingError: if it was never made, or cannot be read.
        """
        return decoded(self.require(key, artifact), as_type)

    def approve(self, key: str, artifact: str, expected: str = "") -> str:
        """Approve the newest content of an artifact and return its hash; the first approval of a content stands.

        Args:
            key: the project.
            artifact: its name in the graph, such as ``stories``.
            expected: the beginning of the hash of what was read; another content is not approved.

        Raises:
            ArtifactMissingError: if it was never made.
            EditError: the content is another one by now.
        """
        self.require(key, artifact)
        now, by = self._sessions.clock.now(), self._sessions.actor
        with self._sessions.write() as session:
            project = find_project(session, key)  # locked, so that no other content comes in between
            row = _newest(session, key, artifact)
            assert row is not None
            if not row.content_hash.startswith(expected):
                raise EditError(f"{artifact} has changed: it is {row.content_hash[:12]} now; read it again")
            made = {
                "project_id": project.id, "kind": artifact, "content_hash": row.content_hash,
                "approver": by.label[:120], "approved_at": now,
            }  # fmt: skip
            if _approval(session, row) is None:
                session.add(ApprovalRow(**made))
                emit(session, now, project, "approval.given", artifact, hash=row.content_hash)
                audit(session, now, "artifact.approve", key, kind=artifact, hash=row.content_hash)
            return row.content_hash

    def carry_approval(self, key: str, artifact: str, former: str) -> None:
        """Have the newest content of an artifact count as approved where a former one was, whose wording it has.

        Args:
            key: the project.
            artifact: its name in the graph.
            former: the hash of the former content.
        """
        with self._sessions.write() as session:
            project, row = find_project(session, key), _newest(session, key, artifact)
            given = (ApprovalRow.project_id == project.id, ApprovalRow.kind == artifact)
            before = session.scalars(
                select(ApprovalRow).where(*given, ApprovalRow.content_hash == former)
            ).first()
            if before is not None and row is not None and _approval(session, row) is None:
                made = {"project_id": project.id, "kind": artifact, "content_hash": row.content_hash}
                session.add(ApprovalRow(**made, approver=before.approver, approved_at=before.approved_at))

    def is_approved(self, key: str, artifact: str) -> bool:
        """Whether the newest content of an artifact has been approved."""
        with self._sessions.read() as session:
            row = _newest(session, key, artifact)
            return row is not None and _approval(session, row) is not None


def readable(row: ArtifactRevision, as_type: type[D]) -> D | None:
    """The document of a revision; ``None`` where it is damaged, or of another release."""
    try:
        return as_type.model_validate_json(row.content)
    except ValidationError:
        return None


def decoded(row: ArtifactRevision, as_type: type[D]) -> D:
    """The document of a revision.

    Raises:
        ArtifactMissingError: it is damaged, or of another release; a build makes it again.
    """
    document = readable(row, as_type)
    if document is None:
        raise ArtifactMissingError(
            f"{row.kind}@{row.revision} cannot be read, it is damaged or of another release: a build makes it again"
        )
    return document


def _approval(session: Session, row: ArtifactRow) -> ApprovalRow | None:
    return session.scalars(
        select(ApprovalRow).where(
            ApprovalRow.project_id == row.project_id,
            ApprovalRow.kind == row.kind,
            ApprovalRow.content_hash == row.content_hash,
        )
    ).first()


def _newest(session: Session, key: str, artifact: str) -> ArtifactRow | None:
    row = session.scalars(
        select(ArtifactRow)
        .join(ProjectRow, ProjectRow.id == ArtifactRow.project_id)
        .where(ProjectRow.key == key, ArtifactRow.kind == artifact, visible(session))
        .order_by(ArtifactRow.revision.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        find_project(session, key)  # a project that there is not is an error
    return row
