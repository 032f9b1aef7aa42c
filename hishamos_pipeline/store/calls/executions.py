"""Calls of models one by one, as people look at them: which agent asked what, and what came back."""

from functools import partial

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.calls.records import LlmCall
from hishamos_pipeline.store.calls.tables import LlmBodyRow, LlmCallRow
from hishamos_pipeline.store.organizations.scope import actor_of, visible
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project

_SORTS: Sorts = {
    "-id": LlmCallRow.id,
    "started_at": LlmCallRow.started_at,
    "cost_usd": LlmCallRow.cost_usd,
    "seconds": LlmCallRow.seconds,
}


class Executions:
    """Reads calls of models about projects that the actor sees, and those that they asked for themselves."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def page(
        self, page: PageQuery, *, project: str = "", role: str = "", outcome: str = ""
    ) -> PageOf[LlmCall]:
        """A page of calls, the newest first: of a project, a role or an outcome if they are named.

        Raises:
            ProjectNotFoundError: there is no such project.
            InputError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(LlmCallRow).where(_seen(session))
            if project:
                query = query.where(LlmCallRow.project == find_project(session, project).key)
            if role:
                query = query.where(LlmCallRow.role == role)
            if outcome:
                query = query.where(LlmCallRow.outcome == outcome)
            return read_page(session, query, _SORTS, LlmCallRow.id, page, partial(record, LlmCall))

    def get(self, call_id: int) -> tuple[LlmCall, str, str]:
        """A call, what was sent and what came back; both are empty once retention has removed them.

        Raises:
            ArtifactMissingError: there is none.
        """
        query = (
            select(LlmCallRow, LlmBodyRow.request, LlmBodyRow.response)
            .outerjoin(LlmBodyRow, LlmBodyRow.call_id == LlmCallRow.id)
            .where(LlmCallRow.id == call_id)
        )
        with self._sessions.read() as session:
            found = session.execute(query.where(_seen(session))).one_or_none()
        if found is None:
            raise ArtifactMissingError(f"there is no call {call_id}")
        return record(LlmCall, found[0]), found[1] or "", found[2] or ""


def _seen(session: Session) -> ColumnElement[bool]:
    mine = LlmCallRow.project.in_(select(ProjectRow.key).where(visible(session)))
    if actor_of(session).project:
        return mine
    return or_(
        mine,
        (LlmCallRow.project == "") & (LlmCallRow.asked_by == actor_of(session).responsible),
    )
