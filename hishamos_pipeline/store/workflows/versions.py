"""Definitions of workflows, and the numbered versions under which an organization knows them."""

from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization, organization_id
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new, locked
from hishamos_pipeline.store.workflows.finding import definition_of
from hishamos_pipeline.store.workflows.records import WorkflowVersion
from hishamos_pipeline.store.workflows.tables import WorkflowDefinitionRow, WorkflowVersionRow

_SORTS: Sorts = {"-id": WorkflowVersionRow.id, "name": WorkflowVersionRow.name}


class WorkflowVersions:
    """Reads and writes versions of the actor's organization."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, definition: WorkflowDefinition, content: str, sha256: str, source: str) -> WorkflowVersion:
        """Add a version as a draft; the same definition as the newest version's adds none.

        Args:
            definition: what was read.
            content: that as canonical JSON.
            sha256: of the content.
            source: the text as its author has written it.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            insert_new(
                session, WorkflowDefinitionRow, [{"sha256": sha256, "content": content, "created_at": now}]
            )
            newest = _newest(session, definition.workflow)
            if newest is not None and newest.sha256 == sha256 and newest.status != "retired":
                return record(WorkflowVersion, newest)
            row = WorkflowVersionRow(
                organization_id=organization_id(session), name=definition.workflow,
                number=newest.number + 1 if newest else 1, sha256=sha256, title=definition.title, type=definition.type,
                source=source, status="draft", created_by=actor_of(session).label[:120], created_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return record(WorkflowVersion, row)

    def publish(self, name: str, number: int) -> WorkflowVersion:
        """Publish a version: runs are of the one that was published last, or of another one by its number.

        Raises:
            ArtifactMissingError: there is none.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = _found(session, name, number)
            row.status, row.published_by, row.published_at = "published", actor_of(session).label[:120], now
            audit(session, now, "workflow.publish", name, number=number, sha256=row.sha256)
            return record(WorkflowVersion, row)

    def retire(self, name: str, number: int) -> WorkflowVersion:
        """Have a version begin no run any more; those that have begun go on.

        Raises:
            ArtifactMissingError: there is none.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = _found(session, name, number)
            row.status = "retired"
            audit(session, now, "workflow.retire", name, number=number)
            return record(WorkflowVersion, row)

    def get(self, name: str, number: int | None = None) -> WorkflowVersion:
        """A version; without a number the one that was published last, or else the newest.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.read() as session:
            return record(WorkflowVersion, _found(session, name, number))

    def definition(self, sha256: str) -> WorkflowDefinition:
        """A definition by its hash."""
        with self._sessions.read() as session:
            return definition_of(session, sha256)

    def page(self, page: PageQuery, *, name: str = "", status: str = "") -> PageOf[WorkflowVersion]:
        """A page of versions, the newest first.

        Raises:
            InputError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(WorkflowVersionRow).where(
                in_organization(session, WorkflowVersionRow.organization_id)
            )
            if name:
                query = query.where(WorkflowVersionRow.name == name)
            if status:
                query = query.where(WorkflowVersionRow.status == status)
            return read_page(
                session, query, _SORTS, WorkflowVersionRow.id, page, partial(record, WorkflowVersion)
            )


def _newest(session: Session, name: str) -> WorkflowVersionRow | None:
    query = select(WorkflowVersionRow).where(
        WorkflowVersionRow.organization_id == organization_id(session), WorkflowVersionRow.name == name
    )
    return session.scalars(locked(session, query.order_by(WorkflowVersionRow.number.desc()).limit(1))).first()


def _found(session: Session, name: str, number: int | None) -> WorkflowVersionRow:
    query = select(WorkflowVersionRow).where(
        in_organization(session, WorkflowVersionRow.organization_id), WorkflowVersionRow.name == name
    )
    if number is not None:
        query = query.where(WorkflowVersionRow.number == number)
    is_published = WorkflowVersionRow.status == "published"
    row = session.scalars(
        query.order_by(
            is_published.desc(), WorkflowVersionRow.published_at.desc(), WorkflowVersionRow.number.desc()
        ).limit(1)
    ).first()
    if row is None:
        what = f"version {number} of workflow {name!r}" if number is not None else f"workflow {name!r}"
        raise ArtifactMissingError(f"there is no {what}: see `hishamos workflows list`")
    return row
