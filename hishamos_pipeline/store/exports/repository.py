"""Requests for exports: what people ask for beyond the brief, and whether it has been done."""

from collections.abc import Sequence

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.core.pipeline.graph import EXPORTS
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.exports.records import ExportRequest
from hishamos_pipeline.store.exports.tables import ExportRequestRow
from hishamos_pipeline.store.organizations.scope import visible
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, stored_text

_DELIVERED = ("verified", "exported")
_IN_WORK = ("submitted", "building", "archived")


class ExportRequests:
    """Reads and writes requests; the newest to a destination that was not withdrawn stands."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, key: str, destination: str, options: Target, by: str) -> int:
        """Ask for an export; what the options do not say stays as it was asked for before. The request's number.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.write() as session:
            project = find_project(session, key)
            before = _standing(session, project.id, destination)
            if before:
                options = options.over(Target.model_validate_json(before.options))
            row = ExportRequestRow(
                project_id=project.id,
                type=destination,
                options=options.model_dump_json(),
                requested_by=by[:120],
                requested_at=self._sessions.clock.now(),
            )
            session.add(row)
            session.flush()
            emit(session, row.requested_at, project, "export.requested", destination, number=row.id)
            audit(session, row.requested_at, "export.request", key, type=destination, number=row.id, by=by)
            return row.id

    def standing(self, key: str, destination: str) -> ExportRequest | None:
        """The request that stands for a destination of a project."""
        with self._sessions.read() as session:
            row = _standing(session, find_project(session, key).id, destination)
            return record(ExportRequest, row) if row else None

    def all_standing(self, key: str) -> dict[str, ExportRequest]:
        """The requests that stand, by destination."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = (
                select(ExportRequestRow)
                .where(ExportRequestRow.project_id == project.id, ExportRequestRow.status != "withdrawn")
                .order_by(ExportRequestRow.id)
            )
            # The newest to a destination is the last.
            return {row.type: record(ExportRequest, row) for row in session.scalars(query)}

    def finish(self, key: str, destination: str, number: int, error: str = "") -> None:
        """Record that requests to a destination up to a number were done, or why they were not."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            session.execute(
                update(ExportRequestRow)
                .where(
                    ExportRequestRow.project_id == project.id,
                    ExportRequestRow.type == destination,
                    ExportRequestRow.id <= number,
                    ExportRequestRow.status.in_(("requested", "failed")),
                )
                .values(
                    status="failed" if error else "completed",
                    error=stored_text(error),
                    finished_at=self._sessions.clock.now(),
                )
            )

    def withdraw(self, key: str, destination: str) -> int:
        """Withdraw all requests for a destination; how many stood."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            rows = session.scalars(
                select(ExportRequestRow).where(
                    ExportRequestRow.project_id == project.id,
                    ExportRequestRow.type == destination,
                    ExportRequestRow.status != "withdrawn",
                )
            ).all()
            for row in rows:
                row.status = "withdrawn"
            audit(
                session, self._sessions.clock.now(), "export.withdraw", key, type=destination, count=len(rows)
            )
            return len(rows)

    def requested(self, limit: int) -> Sequence[tuple[str, ExportRequest]]:
        """Requests that nothing has come of yet, with the keys of their projects; the oldest first.

        Those of projects that are not delivered, or are being built, are left out: a build comes first, and does it.
        """
        query = (
            select(ProjectRow.key, ExportRequestRow)
            .join(ProjectRow, ProjectRow.id == ExportRequestRow.project_id)
            .where(
                ExportRequestRow.status == "requested",
                or_(ProjectRow.state.in_(_DELIVERED), ProjectRow.failed_step.in_(tuple(EXPORTS.values()))),
                ProjectRow.state.not_in(_IN_WORK),
            )
            .order_by(ExportRequestRow.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            query = query.where(visible(session))
            return [(key, record(ExportRequest, row)) for key, row in session.execute(query).all()]

    def of_project(self, key: str) -> list[ExportRequest]:
        """All requests of a project, the newest first."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(ExportRequestRow).where(ExportRequestRow.project_id == project.id)
            rows = session.scalars(query.order_by(ExportRequestRow.id.desc()))
            return [record(ExportRequest, row) for row in rows]


def _standing(session: Session, project_id: int, destination: str) -> ExportRequestRow | None:
    return session.scalars(
        select(ExportRequestRow)
        .where(
            ExportRequestRow.project_id == project_id,
            ExportRequestRow.type == destination,
            ExportRequestRow.status != "withdrawn",
        )
        .order_by(ExportRequestRow.id.desc())
        .limit(1)
    ).one_or_none()
