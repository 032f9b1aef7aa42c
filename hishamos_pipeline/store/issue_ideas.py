"""Issues on Git hosts that have become projects, and what was told there."""

from dataclasses import dataclass

from sqlalchemy import and_, or_, select, update

from hishamos_pipeline.store.operation_tables import IssueIdea
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_or_update
from hishamos_pipeline.store.tables import STUCK_STATES, Project

_ENDED = ("verified", "exported", *STUCK_STATES)


@dataclass(frozen=True, slots=True)
class Due:
    """An issue that has not been told how its project has ended."""

    id: int
    number: int
    revision: int
    project: Project


class IssueIdeas:
    """Reads and writes which issue has become which project."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def project_of(self, host: str, repository: str, number: int) -> str:
        """The key of the project that an issue has become, empty if there is none."""
        query = select(Project.key).join(IssueIdea, Project.id == IssueIdea.project_id)
        mine = (IssueIdea.host == host, IssueIdea.repository == repository, IssueIdea.number == number)
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
                session, IssueIdea, [row], key=("host", "repository", "number"),
                updated=("project_id", "revision", "answered"),
            )  # fmt: skip

    def due(self, host: str, repository: str, limit: int) -> list[Due]:
        """Issues of a repository whose project has ended otherwise, or failed again, since they were told."""
        query = (
            select(IssueIdea, Project)
            .join(Project, Project.id == IssueIdea.project_id)
            .where(
                IssueIdea.host == host,
                IssueIdea.repository == repository,
                Project.state.in_(_ENDED),
                or_(
                    IssueIdea.answered != Project.state,
                    and_(Project.state.in_(STUCK_STATES), IssueIdea.answered_at != Project.updated_at),
                ),
            )
            .order_by(IssueIdea.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            rows = session.execute(query).all()
            return [Due(idea.id, idea.number, idea.revision, project) for idea, project in rows]

    def answered(self, due: Due) -> None:
        """Record what an issue was told, unless it has given another brief meanwhile."""
        told = {"answered": due.project.state, "answered_at": due.project.updated_at}
        mine = (IssueIdea.id == due.id, IssueIdea.revision == due.revision)
        with self._sessions.write() as session:
            session.execute(update(IssueIdea).where(*mine).values(**told))
