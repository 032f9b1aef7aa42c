"""Build requests: who wants which project built. A sensor takes them up; whatever begins the build fulfils them."""

from datetime import datetime

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.batches.tables import in_batches
from hishamos_pipeline.store.builds.records import BuildRequest
from hishamos_pipeline.store.builds.tables import BuildRequestRow
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.organizations.scope import actor_of, visible
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.projects.tables import IdeaRow, ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import (
    Sessions,
    find_project,
    locked,
    refuse_deleted,
    rows_changed,
    stored_text,
)

_SORTS: Sorts = {"-id": BuildRequestRow.id, "requested_at": BuildRequestRow.requested_at}


class BuildRequests:
    """Reads and writes build requests."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, key: str, *, retry_deferred: bool = False) -> BuildRequest:
        """Ask for a build of a project; where one is asked for already and nothing has begun it, that is the one.

        Raises:
            ProjectNotFoundError: there is no such project.
            ProjectBusyError: it is being deleted.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            refuse_deleted(session, key)
            project = find_project(session, key)
            row, made = request_build(session, project, now)
            row.retry_deferred = row.retry_deferred or retry_deferred
            if made:
                audit(session, now, "build.request", key, number=row.id)
            return record(BuildRequest, row, project=key)

    def requested(self, limit: int) -> list[BuildRequest]:
        """Requests that nothing has begun, the oldest first.

        Those of projects that are being built wait for the end of that, and those of projects in a batch for the batch.
        """
        with self._sessions.read() as session:
            query = _requests(session).where(
                BuildRequestRow.status == "requested",
                ProjectRow.state != "building",
                ProjectRow.key.not_in(in_batches()),
            )
            return _records(session, query.order_by(BuildRequestRow.id).limit(limit))

    def page(self, page: PageQuery, *, project: str = "", status: str = "") -> PageOf[BuildRequest]:
        """A page of requests, the newest first.

        Raises:
            ProjectNotFoundError: there is no such project.
            UsageError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = _requests(session)
            if project:
                query = query.where(BuildRequestRow.project_id == find_project(session, project).id)
            if status:
                query = query.where(BuildRequestRow.status == status)
            return read_page(session, query, _SORTS, BuildRequestRow.id, page, _shown)

    def get(self, number: int) -> BuildRequest:
        """A request by number.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.read() as session:
            found = _records(session, _requests(session).where(BuildRequestRow.id == number))
        if not found:
            raise ArtifactMissingError(f"there is no build request {number}")
        return found[0]

    def ended(self, before: datetime) -> int:
        """How many requests have ended before a time."""
        query = select(func.count()).select_from(BuildRequestRow).where(BuildRequestRow.finished_at < before)
        with self._sessions.read() as session:
            return session.scalars(query).one()

    def remove(self, before: datetime) -> None:
        """Remove requests that have ended before a time."""
        with self._sessions.write() as session:
            session.execute(delete(BuildRequestRow).where(BuildRequestRow.finished_at < before))

    def fail(self, number: int, revision: int, reason: str) -> None:
        """Record that the run for a request has ended before it began, so that its project waits no longer.

        Args:
            number: of the request.
            revision: the brief's revision that the run was for; a request that is for a newer one by now stands.
            reason: why.
        """
        mine = (
            BuildRequestRow.id == number,
            BuildRequestRow.revision == revision,
            BuildRequestRow.status == "requested",
        )
        now = self._sessions.clock.now()
        done = {"status": "failed", "reason": stored_text(reason), "finished_at": now}
        project_of = select(ProjectRow).join(BuildRequestRow, BuildRequestRow.project_id == ProjectRow.id)
        with self._sessions.write() as session:
            project = session.scalars(locked(session, project_of.where(*mine))).one_or_none()
            if project:
                session.execute(update(BuildRequestRow).where(*mine).values(**done))
                _wait_no_longer(project, reason, now)

    def cancel(self, key: str, reason: str = "") -> int:
        """Cancel the requests of a project that nothing has begun; how many there were.

        A project that waits for nothing else any more is told by its state: it has failed, for that reason.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            cancelled = _finish(session, project, "requested", "cancelled", reason, now)
            if cancelled:
                _wait_no_longer(project, reason, now)
                emit(session, now, project, "build.cancelled", reason=reason)
                audit(session, now, "build.cancel", key, count=cancelled)
            return cancelled

    def note_ended_runs(self, key: str, runs: int, reason: str) -> None:
        """Record that somebody has ended runs of a project that were under way."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            emit(session, now, find_project(session, key), "build.cancelled", runs=runs, reason=reason)
            audit(session, now, "build.cancel", key, runs=runs)


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
        retry_deferred=False,
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
    elif project.state == "submitted" and before == "building":
        _finish(session, project, "running", "cancelled", "a newer brief was submitted meanwhile", now)
    elif project.state == "archived":
        for status in ("requested", "running"):
            _finish(session, project, status, "cancelled", "the project was archived", now)


def _requests(session: Session) -> Select[str, BuildRequestRow]:
    """Requests with their projects' keys, of the actor's organization."""
    joined = select(ProjectRow.key, BuildRequestRow).join(
        ProjectRow, ProjectRow.id == BuildRequestRow.project_id
    )
    return joined.where(visible(session))


def _records(session: Session, query: Select[str, BuildRequestRow]) -> list[BuildRequest]:
    return [_shown(*found) for found in session.execute(query)]


def _shown(key: str, row: BuildRequestRow) -> BuildRequest:
    return record(BuildRequest, row, project=key)


def _wait_no_longer(project: ProjectRow, reason: str, now: datetime) -> None:
    if project.state == "submitted":
        project.state, project.reason, project.updated_at = "failed", stored_text(reason), now


def _finish(session: Session, project: ProjectRow, status: str, end: str, reason: str, now: datetime) -> int:
    return rows_changed(
        session,
        update(BuildRequestRow)
        .where(BuildRequestRow.project_id == project.id, BuildRequestRow.status == status)
        .values(status=end, reason=stored_text(reason), finished_at=now),
    )
