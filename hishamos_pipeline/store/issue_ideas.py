"""Issues on Git hosts that have become projects, and what was told there."""

from dataclasses import dataclass

from sqlalchemy import select, update

from hishamos_pipeline.store.operation_tables import IssueIdea
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_or_update
from hishamos_pipeline.store.tables import Project

_ENDED = ("verified", "exported", "failed", "blocked")


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

    def owner(self, key: str) -> tuple[str, str, int] | None:
        """Host, repository and number of the issue that a project comes from, ``None`` if it comes from none."""
        with self._sessions.read() as session:
            query = (
                select(IssueIdea).join(Project, Project.id == IssueIdea.project_id).where(Project.key == key)
            )
            found = session.scalars(query.order_by(IssueIdea.id).limit(1)).one_or_none()
            return (found.host, found.repository, found.number) if found else None

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
        """Issues of a repository whose project has ended otherwise than they were last told, the oldest first."""
        query = (
            select(IssueIdea, Project)
            .join(Project, Project.id == IssueIdea.project_id)
            .where(
                IssueIdea.host == host,
                IssueIdea.repository == repository,
                Project.state.in_(_ENDED),
                IssueIdea.answered != Project.state,
            )
            .order_by(IssueIdea.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            rows = session.execute(query).all()
            return [Due(idea.id, idea.number, idea.revision, project) for idea, project in rows]

    def answered(self, number: int, state: str) -> None:
        """Record which state an issue was told, by the row's number."""
        with self._sessions.write() as session:
            session.execute(update(IssueIdea).where(IssueIdea.id == number).values(answered=state))
