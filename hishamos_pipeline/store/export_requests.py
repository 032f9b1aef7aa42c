"""Requests for exports: what people ask for beyond the brief, and whether it has been done."""

from collections.abc import Sequence

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.graph import EXPORTS
from hishamos_pipeline.core.target import Target
from hishamos_pipeline.store.audit import audit
from hishamos_pipeline.store.sessions import Sessions, find_project
from hishamos_pipeline.store.tables import ExportRequest, Project

_DELIVERED = ("verified", "exported")
_IN_WORK = ("submitted", "building", "archived")


class ExportRequests:
    """Reads and writes requests; the newest of a kind that was not withdrawn stands."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, key: str, kind: str, options: Target, by: str) -> int:
        """Ask for an export; what the options do not say stays as it was asked for before. The request's number.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.write() as session:
            project = find_project(session, key)
            before = _standing(session, project.id, kind)
            if before:
                options = options.over(Target.model_validate_json(before.options))
            row = ExportRequest(
                project_id=project.id,
                type=kind,
                options=options.model_dump_json(),
                requested_by=by[:120],
                requested_at=self._sessions.clock.now(),
            )
            session.add(row)
            session.flush()
            audit(session, row.requested_at, "export.request", key, type=kind, number=row.id, by=by)
            return row.id

    def standing(self, key: str, kind: str) -> ExportRequest | None:
        """The request that stands for a kind of export of a project."""
        with self._sessions.read() as session:
            return _standing(session, find_project(session, key).id, kind)

    def all_standing(self, key: str) -> dict[str, ExportRequest]:
        """The requests that stand, by the kind of export."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = (
                select(ExportRequest)
                .where(ExportRequest.project_id == project.id, ExportRequest.status != "withdrawn")
                .order_by(ExportRequest.id)
            )
            return {row.type: row for row in session.scalars(query)}  # the newest of a kind is the last

    def finish(self, key: str, kind: str, number: int, error: str = "") -> None:
        """Record that requests of a kind up to a number were done, or why they were not."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            session.execute(
                update(ExportRequest)
                .where(
                    ExportRequest.project_id == project.id,
                    ExportRequest.type == kind,
                    ExportRequest.id <= number,
                    ExportRequest.status.in_(("requested", "failed")),
                )
                .values(
                    status="failed" if error else "completed",
                    error=error[:4000],
                    finished_at=self._sessions.clock.now(),
                )
            )

    def withdraw(self, key: str, kind: str) -> int:
        """Withdraw all requests of a kind; how many stood."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            rows = session.scalars(
                select(ExportRequest).where(
                    ExportRequest.project_id == project.id,
                    ExportRequest.type == kind,
                    ExportRequest.status != "withdrawn",
                )
            ).all()
            for row in rows:
                row.status = "withdrawn"
            audit(session, self._sessions.clock.now(), "export.withdraw", key, type=kind, count=len(rows))
            return len(rows)

    def requested(self, limit: int) -> Sequence[tuple[str, ExportRequest]]:
        """Requests that nothing has come of yet, with the keys of their projects; the oldest first.

        Those of projects that are not delivered, or are being built, are left out: a build comes first, and does it.
        """
        query = (
            select(Project.key, ExportRequest)
            .join(Project, Project.id == ExportRequest.project_id)
            .where(
                ExportRequest.status == "requested",
                or_(Project.state.in_(_DELIVERED), Project.failed_step.in_(tuple(EXPORTS.values()))),
                Project.state.not_in(_IN_WORK),
            )
            .order_by(ExportRequest.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            return [(key, row) for key, row in session.execute(query).all()]

    def of_project(self, key: str) -> list[ExportRequest]:
        """All requests of a project, the newest first."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(ExportRequest).where(ExportRequest.project_id == project.id)
            return list(session.scalars(query.order_by(ExportRequest.id.desc())))


def _standing(session: Session, project_id: int, kind: str) -> ExportRequest | None:
    return session.scalars(
        select(ExportRequest)
        .where(
            ExportRequest.project_id == project_id,
            ExportRequest.type == kind,
            ExportRequest.status != "withdrawn",
        )
        .order_by(ExportRequest.id.desc())
        .limit(1)
    ).one_or_none()
