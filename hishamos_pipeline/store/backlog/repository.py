"""Epics, stories and sprints as rows, for queries across projects."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import delete, select

from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories
from hishamos_pipeline.store.backlog.records import StoryRecord
from hishamos_pipeline.store.backlog.tables import EpicRow, SprintRow, StoryRow
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project


class Backlog:
    """Mirrors the newest ``stories`` and ``sprint_plan`` artifacts into rows."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def replace_stories(self, key: str, stories: Stories) -> None:
        """Replace a project's epics and stories; a story that stays keeps its sprint and its verdict."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            rows = session.scalars(select(StoryRow).where(StoryRow.project_id == project.id))
            places = {row.code: (row.sprint_id, row.status) for row in rows}
            session.expunge_all()
            project = find_project(session, key)
            session.execute(delete(EpicRow).where(EpicRow.project_id == project.id))
            epics = {
                epic.id: EpicRow(project_id=project.id, code=epic.id, title=epic.title[:300])
                for epic in stories.epics
            }
            session.add_all(epics.values())
            session.flush()
            session.add_all(
                StoryRow(
                    project_id=project.id,
                    epic_id=epics[story.epic].id,
                    code=story.id,
                    title=story.title[:300],
                    sprint_id=places.get(story.id, (None, ""))[0] if story.status != "deferred" else None,
                    status=story.status if story.status == "deferred" else _kept(places, story.id),
                    reason=story.reason,
                    points=story.points,
                    priority=story.priority,
                )
                for story in stories.stories
            )
            for story in stories.deferred:
                if places.get(story.id, (None, ""))[1] != "deferred":
                    now = self._sessions.clock.now()
                    emit(session, now, project, "story.deferred", story.id, reason=story.reason)

    def replace_sprints(self, key: str, plan: SprintPlan) -> None:
        """Replace a project's sprints and put its stories into them."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            session.execute(delete(SprintRow).where(SprintRow.project_id == project.id))
            rows = {
                sprint.number: SprintRow(
                    project_id=project.id,
                    number=sprint.number,
                    goal=sprint.goal,
                    start_date=sprint.start,
                    end_date=sprint.end,
                    points=sprint.points,
                )
                for sprint in plan.sprints
            }
            session.add_all(rows.values())
            session.flush()
            place = {name: rows[s.number].id for s in plan.sprints for name in s.stories}
            for story in session.scalars(select(StoryRow).where(StoryRow.project_id == project.id)):
                story.sprint_id = place.get(story.code)

    def mark_verified(
        self,
        key: str,
        codes: tuple[str, ...],
        left_out: Mapping[str, str] = MappingProxyType({}),
        waiting: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Mark the stories whose tests have run and passed; others fall back to planned.

        Args:
            key: the project.
            codes: ids of the verified stories.
            left_out: reasons of those that were left out, by id, since they could not be verified.
            waiting: reasons of those that wait for a later build.
        """
        with self._sessions.write() as session:
            project = find_project(session, key)
            rows = session.scalars(select(StoryRow).where(StoryRow.project_id == project.id)).all()
            verified = [s for s in rows if s.status == "planned" and s.code in codes]
            for story in rows:
                if story.status != "deferred":
                    story.status = "verified" if story.code in codes else "planned"
                    story.reason = left_out.get(story.code, waiting.get(story.code, ""))
            for story in verified:
                emit(session, self._sessions.clock.now(), project, "story.verified", story.code)
            for code, reason in left_out.items():
                emit(session, self._sessions.clock.now(), project, "story.deferred", code, reason=reason)

    def stories(self, key: str) -> list[StoryRecord]:
        """A project's stories by id."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(StoryRow).where(StoryRow.project_id == project.id).order_by(StoryRow.code)
            return [record(StoryRecord, row) for row in session.scalars(query)]


def _kept(places: dict[str, tuple[int | None, str]], code: str) -> str:
    """The verdict of a story's earlier row; a deferred one starts as planned."""
    status = places.get(code, (None, ""))[1]
    return status if status == "verified" else "planned"
