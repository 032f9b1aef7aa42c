"""Tasks for roles: written down, asked for, done by one process at a time, cancelled."""

from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from hishamos_pipeline.errors import ArtifactMissingError, InputError
from hishamos_pipeline.store.agent_tasks.records import AgentTask, ClaimedTask, TaskEnd
from hishamos_pipeline.store.agent_tasks.tables import AgentTaskRow
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization, organization_id, visible
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, locked, rows_changed, stored_text

# A process that is alive says so far more often.
LOST_AFTER = timedelta(minutes=2)
MOST_ATTEMPTS = 3
MOST_GENERATIONS = 10
_MOST_ANSWER = 10_000_000
_WAITING = ("created", "requested")
_ENDED = ("completed", "failed", "cancelled")
_SORTS: Sorts = {"-id": AgentTaskRow.id, "priority": AgentTaskRow.priority, "cost_usd": AgentTaskRow.cost_usd}


class AgentTasks:
    """Reads and writes tasks of projects that the actor sees, and of no project those that they made themselves."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(
        self,
        *,
        role: str,
        task: str,
        question: str,
        project: str,
        conversation: str,
        priority: int,
        parent: int | None,
    ) -> AgentTask:
        """Write a task down; one with a parent waits for that.

        Raises:
            ProjectNotFoundError: there is no such project.
            InputError: there is no such parent, it is about another project, has ended badly, or has too many
                ancestors.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            if project:
                find_project(session, project)
            _require_parent(session, parent, project)
            row = AgentTaskRow(
                organization_id=organization_id(session), parent_id=parent, project=project, role=role, task=task,
                question=question, conversation=conversation, priority=priority, status="created",
                created_by=actor_of(session).responsible[:120], created_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return record(AgentTask, row)

    def get(self, task_id: int) -> AgentTask:
        """A task.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.read() as session:
            return record(AgentTask, _found(session, task_id))

    def children(self, task_id: int) -> list[AgentTask]:
        """The tasks that wait, or have waited, for another one."""
        with self._sessions.read() as session:
            query = select(AgentTaskRow).where(AgentTaskRow.parent_id == task_id, _seen(session))
            return [record(AgentTask, row) for row in session.scalars(query.order_by(AgentTaskRow.id))]

    def page(
        self, page: PageQuery, *, project: str = "", status: str = "", parent: int | None = None
    ) -> PageOf[AgentTask]:
        """A page of tasks, the newest first: of a project, a status or a parent if they are named.

        Raises:
            ProjectNotFoundError: there is no such project.
            InputError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(AgentTaskRow).where(_seen(session))
            if project:
                query = query.where(AgentTaskRow.project == find_project(session, project).key)
            if status:
                query = query.where(AgentTaskRow.status == status)
            if parent is not None:
                query = query.where(AgentTaskRow.parent_id == parent)
            return read_page(session, query, _SORTS, AgentTaskRow.id, page, partial(record, AgentTask))

    def ask_for(self, task_id: int, user_id: int, scopes: str, known_by: str = "") -> AgentTask:
        """Have a task done, for whoever asks; one that has failed or was cancelled is done again.

        Raises:
            ArtifactMissingError: there is none.
            InputError: it is asked for already, has been done, or its parent has ended badly.
        """
        with self._sessions.write() as session:
            row = _found(session, task_id)
            if row.status not in ("created", "failed", "cancelled"):
                raise InputError((("status", f"task {task_id} is {row.status} already"),))
            _require_parent(session, row.parent_id, row.project)
            row.status, row.user_id, row.scopes, row.known_by = "requested", user_id, scopes, known_by
            row.error, row.cancelling, row.attempt, row.ended_at = "", False, 0, None
            row.asked += 1
            audit(
                session,
                self._sessions.clock.now(),
                "agent_task.request",
                str(task_id),
                role=row.role,
                task=row.task,
            )
            return record(AgentTask, row)

    def cancel(self, task_id: int) -> AgentTask:
        """Cancel a task, and those that wait for it; one that runs is stopped by whoever does it.

        Raises:
            ArtifactMissingError: there is none.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = _found(session, task_id)
            audit(session, now, "agent_task.cancel", str(task_id))
            if row.status == "running":
                row.cancelling = True
            elif row.status in _WAITING:
                row.status, row.ended_at = "cancelled", now
            if row.status != "completed":
                _cancel_children(session, [row.id], f"task {row.id}, which it waits for, was cancelled", now)
            return record(AgentTask, row)

    def claim(self) -> ClaimedTask | None:
        """The task that is to be done next, by priority, then age; nobody else gets it while its process lives."""
        now, parent = self._sessions.clock.now(), aliased(AgentTaskRow)
        done = exists().where(parent.id == AgentTaskRow.parent_id, parent.status == "completed")
        ready = (AgentTaskRow.status == "requested") & (AgentTaskRow.parent_id.is_(None) | done)
        lost = (AgentTaskRow.status == "running") & (AgentTaskRow.beat_at < now - LOST_AFTER)
        query = (
            select(AgentTaskRow)
            .where(or_(ready, lost))
            .order_by(AgentTaskRow.priority.desc(), AgentTaskRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._sessions.write() as session:
            while (row := session.scalars(query).one_or_none()) is not None:
                if row.attempt < MOST_ATTEMPTS and not row.cancelling:
                    row.status, row.attempt, row.beat_at = "running", row.attempt + 1, now
                    row.started_at = row.started_at or now
                    key = session.scalars(
                        select(OrganizationRow.key).where(OrganizationRow.id == row.organization_id)
                    ).one()
                    return ClaimedTask(record(AgentTask, row), key)
                given_up = f"its process has died {row.attempt} times"
                _end(session, row, TaskEnd("cancelled" if row.cancelling else "failed", error=given_up), now)
                session.flush()
        return None

    def beat(self, claimed: AgentTask) -> bool:
        """Say that a task is still being done; whether it is to go on."""
        with self._sessions.write() as session:
            row = session.get(AgentTaskRow, claimed.id)
            if row is None or (row.status, row.attempt) != ("running", claimed.attempt):
                return False
            row.beat_at = self._sessions.clock.now()
            return not row.cancelling

    def end(self, claimed: AgentTask, ended: TaskEnd) -> bool:
        """Record how a task has ended; whether it was still this attempt's."""
        with self._sessions.write() as session:
            row = session.scalars(
                locked(session, select(AgentTaskRow).where(AgentTaskRow.id == claimed.id))
            ).one_or_none()
            if row is None or (row.status, row.attempt) != ("running", claimed.attempt):
                return False
            _end(session, row, ended, self._sessions.clock.now())
            return True

    def outdated(self, before: datetime) -> int:
        """How many tasks have ended before a time and have no children; families go one generation at a time."""
        with self._sessions.read() as session:
            return session.scalars(select(func.count()).select_from(AgentTaskRow).where(*_old(before))).one()

    def remove(self, before: datetime) -> int:
        """Remove those; how many."""
        with self._sessions.write() as session:
            return rows_changed(session, delete(AgentTaskRow).where(*_old(before)))


def _end(session: Session, row: AgentTaskRow, ended: TaskEnd, now: datetime) -> None:
    for name, value in asdict(ended).items():
        setattr(
            row,
            name,
            stored_text(value, _MOST_ANSWER if name == "answer" else 4000)
            if isinstance(value, str)
            else value,
        )
    row.ended_at, row.cancelling = now, False
    if row.status != "completed":
        _cancel_children(session, [row.id], f"task {row.id}, which it waits for, has {row.status}", now)


def _cancel_children(session: Session, parents: list[int], why: str, now: datetime) -> None:
    """Cancel everything that waits for some tasks, and what waits for that."""
    while parents:
        query = select(AgentTaskRow).where(
            AgentTaskRow.parent_id.in_(parents), AgentTaskRow.status == "requested"
        )
        rows = list(session.scalars(locked(session, query)))
        for row in rows:
            row.status, row.error, row.ended_at = "cancelled", why, now
        parents = [row.id for row in rows]


def _require_parent(session: Session, parent_id: int | None, project: str) -> None:
    """Make sure that a task can wait for another one.

    Raises:
        InputError: it cannot; says why.
    """
    above, generations = parent_id, 0
    while above is not None:
        row = session.scalars(
            select(AgentTaskRow).where(AgentTaskRow.id == above, _seen(session))
        ).one_or_none()
        if row is None:
            raise InputError((("parent", f"there is no task {above}"),))
        if row.project != project:
            raise InputError((("parent", f"task {above} is about another project"),))
        if above == parent_id and row.status in ("failed", "cancelled"):
            raise InputError((("parent", f"task {above} is {row.status}: nothing can wait for it"),))
        above, generations = row.parent_id, generations + 1
        if generations >= MOST_GENERATIONS:
            raise InputError((("parent", f"a task has fewer than {MOST_GENERATIONS} ancestors"),))


def _old(before: datetime) -> tuple[ColumnElement[bool], ...]:
    child = aliased(AgentTaskRow)
    has_children = exists().where(child.parent_id == AgentTaskRow.id)
    return AgentTaskRow.status.in_(_ENDED), AgentTaskRow.ended_at < before, ~has_children


def _seen(session: Session) -> ColumnElement[bool]:
    actor = actor_of(session)
    mine = in_organization(session, AgentTaskRow.organization_id)
    of_project = AgentTaskRow.project.in_(select(ProjectRow.key).where(visible(session)))
    if actor.project:
        return mine & of_project
    return mine & or_(
        of_project, (AgentTaskRow.project == "") & (AgentTaskRow.created_by == actor.responsible)
    )


def _found(session: Session, task_id: int) -> AgentTaskRow:
    query = select(AgentTaskRow).where(AgentTaskRow.id == task_id, _seen(session))
    row = session.scalars(locked(session, query)).one_or_none()
    if row is None:
        raise ArtifactMissingError(f"there is no task {task_id}")
    return row
