"""Issues on Git hosts that have become projects, and what was told there."""

from dataclasses import dataclass

from sqlalchemy import and_, or_, select, update

from hishamos_pipeline.store.issues.tables import IssueIdeaRow
from hishamos_pipeline.store.organizations.scope import visible
from hishamos_pipeline.store.projects.records import ProjectRecord
from hishamos_pipeline.store.projects.tables import STUCK_STATES, ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_or_update

_ENDED = ("verified", "exported", *STUCK_STATES)


@dataclass(frozen=True, slots=True)
class Due:
    """An issue that has not been told how its project has ended."""

    id: int
    number: int
    revision: int
    project: ProjectRecord


class IssueIdeas:
    """Reads and writes which issue has become which project."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def project_of(self, host: str, repository: str, number: int) -> str:
        """The key of the project that an issue has become, empty if there is none."""
        query = select(ProjectRow.key).join(IssueIdeaRow, ProjectRow.id == IssueIdeaRow.project_id)
        mine = (
            IssueIdeaRow.host == host,
            IssueIdeaRow.repository == repository,
            IssueIdeaRow.number == number,
        )
        with self._sessions.read() as session:
            return session.scalars(query.where(*mine)).one_or_none() or ""

    def keep(self, key: str, host: str, repository: str, number: int, revision: int) -> None:
        """Record which revision of a project's brief an issue has given; how it ends is to be told.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.write() as session:
            row = {
                "project_id": find_project(session, key).id, "host": host, "repository": repository,
                "number": number, "revision": revision, "answered": "",
            }  # fmt: skip
            insert_or_update(
                session, IssueIdeaRow, [row], key=("host", "repository", "number"),
                updated=("project_id", "revision", "answered"),
            )  # fmt: skip

    def due(self, host: str, repository: str, limit: int) -> list[Due]:
        """Issues of a repository whose project has ended otherwise, or failed again, since they were told."""
        query = (
            select(IssueIdeaRow, ProjectRow)
            .join(ProjectRow, ProjectRow.id == IssueIdeaRow.project_id)
            .where(
                IssueIdeaRow.host == host,
                IssueIdeaRow.repository == repository,
                ProjectRow.state.in_(_ENDED),
                or_(
                    IssueIdeaRow.answered != ProjectRow.state,
                    and_(
                        ProjectRow.state.in_(STUCK_STATES), IssueIdeaRow.answered_at != ProjectRow.updated_at
                    ),
                ),
            )
            .order_by(IssueIdeaRow.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            rows = session.execute(query.where(visible(session))).all()
            return [
                Due(idea.id, idea.number, idea.revision, record(ProjectRecord, project))
                for idea, project in rows
            ]

    def answered(self, due: Due) -> None:
        """Record what an issue was told, unless it has given another brief meanwhile."""
        told = {"answered": due.project.state, "answered_at": due.project.updated_at}
        mine = (IssueIdeaRow.id == due.id, IssueIdeaRow.revision == due.revision)
        with self._sessions.write() as session:
            session.execute(update(IssueIdeaRow).where(*mine).values(**told))
