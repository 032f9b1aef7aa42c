"""Build requests: who wants which project built. A sensor takes them up; whatever begins the build fulfils them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.builds.records import BuildRequest
from hishamos_pipeline.store.builds.tables import BuildRequestRow
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.fleets.tables import in_fleets
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization
from hishamos_pipeline.store.projects.tables import IdeaRow, ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project


class BuildRequests:
    """Reads and writes build requests."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, key: str) -> BuildRequest:
        """Ask for a build of a project; where one is asked for already and nothing has begun it, that is the one.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            row, made = request_build(session, project, now)
            if made:
                audit(session, now, "build.request", key, number=row.id)
            return record(BuildRequest, row, project=key)

    def requested(self, limit: int) -> list[BuildRequest]:
        """Requests that nothing has begun, the oldest first.

        Those of projects that are being built wait for the end of that, and those of projects in a fleet for the fleet.
        """
        with self._sessions.read() as session:
            query = (
                select(ProjectRow.key, BuildRequestRow)
                .join(ProjectRow, ProjectRow.id == BuildRequestRow.project_id)
                .where(
                    BuildRequestRow.status == "requested",
                    ProjectRow.state != "building",
                    ProjectRow.key.not_in(in_fleets()),
                    in_organization(session),
                )
                .order_by(BuildRequestRow.id)
                .limit(limit)
            )
            return [record(BuildRequest, row, project=key) for key, row in session.execute(query).all()]

    def newest(self, limit: int, *, project: str = "", states: Collection[str] = ()) -> list[BuildRequest]:
        """The newest requests, the newest first.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.read() as session:
            query = (
                select(ProjectRow.key, BuildRequestRow)
                .join(ProjectRow, ProjectRow.id == BuildRequestRow.project_id)
                .where(in_organization(session))
                .order_by(BuildRequestRow.id.desc())
                .limit(limit)
            )
            if project:
                query = query.where(BuildRequestRow.project_id == find_project(session, project).id)
            if states:
                query = query.where(BuildRequestRow.status.in_(states))
            return [record(BuildRequest, row, project=key) for key, row in session.execute(query).all()]

    def ended(self, before: datetime) -> int:
        """How many requests have ended before a time."""
        query = select(func.count()).select_from(BuildRequestRow).where(BuildRequestRow.finished_at < before)
        with self._sessions.read() as session:
            return session.scalars(query).one()

    def remove(self, before: datetime) -> None:
        """Remove requests that have ended before a time."""
        with self._sessions.write() as session:
            session.execute(delete(BuildRequestRow).where(BuildRequestRow.finished_at < before))

    def fail(self, number: int, reason: str) -> None:
        """Record that the run for a request has ended before it began."""
        mine = (BuildRequestRow.id == number, BuildRequestRow.status == "requested")
        done = {"status": "failed", "reason": reason[:4000], "finished_at": self._sessions.clock.now()}
        with self._sessions.write() as session:
            session.execute(update(BuildRequestRow).where(*mine).values(**done))

    def cancel(self, key: str, reason: str = "") -> int:
        """Cancel the requests of a project that nothing has begun; how many there were.

        A project that waits for nothing else any more is told by its state: it has failed, for that reason.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            cancelled = _finish(session, project, "requested", "cancelled", reason, now)
            if cancelled:
                if project.state == "submitted":
                    project.state, project.reason, project.updated_at = "failed", reason[:4000], now
                emit(session, now, project, "build.cancelled", reason=reason)
                audit(session, now, "build.cancel", key, count=cancelled)
            return cancelled


def request_build(session: Session, project: ProjectRow, now: datetime) -> tuple[BuildRequestRow, bool]:
    """The open request of a project, and whether it was made now.

    Args:
        session: a session that writes; it has locked the project.
        project: the project.
        now: the time.
    """
    newest = session.scalars(select(func.max(IdeaRow.revision)).where(IdeaRow.project_id == project.id)).one()
    mine = (BuildRequestRow.project_id == project.id, BuildRequestRow.status == "requested")
    row = session.scalars(select(BuildRequestRow).where(*mine)).first()
    if row is not None:
        row.revision = newest
        return row, False
    actor = actor_of(session)
    row = BuildRequestRow(
        project_id=project.id,
        revision=newest,
        requested_by=actor.responsible[:120],
        via=actor.via[:40],
        requested_at=now,
        status="requested",
        reason="",
    )
    session.add(row)
    session.flush()
    emit(session, now, project, "build.requested", str(row.id), revision=newest)
    return row, True


def follow_state(session: Session, project: ProjectRow, before: str, now: datetime, *, fulfils: bool) -> None:
    """Keep the requests of a project in step with its state, in the transaction that has changed that.

    Args:
        session: a session that writes; it has locked the project.
        project: the project, in its new state.
        before: the state that it was in.
        now: the time.
        fulfils: whether what begins is the build that was asked for, and not a part of it.
    """
    if project.state == "building" and fulfils:
        session.execute(
            update(BuildRequestRow)
            .where(BuildRequestRow.project_id == project.id, BuildRequestRow.status == "requested")
            .values(status="running", started_at=now)
        )
    elif project.state in ("verified", "exported"):
        _finish(session, project, "running", "completed", "", now)
    elif project.state in ("failed", "blocked"):
        _finish(session, project, "running", "failed", project.reason, now)
        if before == "submitted":  # its run has ended before it began
            _finish(session, project, "requested", "failed", project.reason, now)
    elif project.state == "archived":
        _finish(session, project, "requested", "cancelled", "the project was archived", now)


def _finish(session: Session, project: ProjectRow, status: str, end: str, reason: str, now: datetime) -> int:
    done: Any = session.execute(
        update(BuildRequestRow)
        .where(BuildRequestRow.project_id == project.id, BuildRequestRow.status == status)
        .values(status=end, reason=reason[:4000], finished_at=now)
    )
    return int(done.rowcount)
