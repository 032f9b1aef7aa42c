"""Ideas and the projects they become."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.core.text.ids import check_key
from hishamos_pipeline.errors import (
    ChangedMeanwhileError,
    ProjectBusyError,
    ProjectKeyError,
    ProjectNotFoundError,
    StorageError,
)
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.builds.repository import follow_state, request_build
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.organizations.scope import organization_id, visible
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, containing, read_page
from hishamos_pipeline.store.projects.records import IdeaRevision, ProjectRecord
from hishamos_pipeline.store.projects.sources import refuse_other_document
from hishamos_pipeline.store.projects.tables import (
    PROJECT_STATES,
    STUCK_STATES,
    IdeaRow,
    ProjectRow,
)
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import (
    Sessions,
    find_project,
    insert_new,
    refuse_deleted,
    stored_text,
)
from hishamos_pipeline.store.units.repository import keep_blobs

HandedTexts = Mapping[str, str]
_SORTS: Sorts = {
    "key": ProjectRow.key,
    "title": ProjectRow.title,
    "updated_at": ProjectRow.updated_at,
    "created_at": ProjectRow.created_at,
    "cost_usd": ProjectRow.cost_usd,
}
# States that somebody is responsible for; the others come and go with every build.
_AUDITED = {"building": "build", "archived": "archive"}


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a submitted idea; ``changed`` is false where it equals the newest revision.

    ``files`` are those that the revision has.
    """

    key: str
    revision: int
    changed: bool
    files: tuple[str, ...] = ()


class Projects:
    """Ideas, projects and their states."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def submit(
        self,
        idea: Idea,
        source: str,
        files: HandedTexts | None = None,
        *,
        seen: int | None = None,
        replaces: bool = True,
    ) -> Submission:
        """Accept an idea: a new project, or the next revision of its brief.

        Answers, and files that were handed in, stay those of the revision before where nothing is said of them.

        Args:
            idea: the validated brief.
            source: where it came from, for people.
            files: texts of all files of the idea by SHA-256; ``None`` where nothing is said of files.
            seen: the revision that this one was made from; ``None`` for whichever is the newest.
            replaces: whether it may take the place of a brief that came from another document.

        Raises:
            IdeaError: it may not, and would.
            ChangedMeanwhileError: there is a newer revision than that.
            ProjectKeyError: the key breaks the slug rule, or a project of another organization has it.
            ProjectBusyError: the project of this key is being deleted.
        """
        check_key(idea.key)
        now, source = self._sessions.clock.now(), stored_text(source, 300)
        with self._sessions.write() as session:
            refuse_deleted(session, idea.key)
            made = {
                "title": idea.title,
                "created_at": now,
                "updated_at": now,
                "state": "submitted",
                "reason": "",
            }
            row = {"key": idea.key, "failed_step": "", "cost_usd": 0.0, **made}
            insert_new(session, ProjectRow, [{**row, "organization_id": organization_id(session)}])
            project = _own(session, idea.key)
            newest = _newest(session, project.id)
            if newest is not None and seen not in (None, newest.revision):
                raise ChangedMeanwhileError(f"the brief of {idea.key} was changed meanwhile: read it again")
            if newest is not None:
                before = _idea(idea.key, newest.content)
                # A brief as it was written knows no answers; those that were given since still stand.
                handed = before.files if files is None and not idea.files else idea.files
                idea = idea.model_copy(update={"answers": idea.answers or before.answers, "files": handed})
            paths = tuple(file.path for file in idea.files)
            keep_blobs(session, (files or {}).values(), now)
            content = canonical_json(idea)
            digest = sha256_text(content)
            if newest is not None and newest.content_hash == digest:
                return Submission(idea.key, newest.revision, changed=False, files=paths)
            if newest is not None and not replaces:
                refuse_other_document(session, project, source)
            revision = newest.revision + 1 if newest else 1
            session.add(
                IdeaRow(
                    project_id=project.id,
                    revision=revision,
                    content=content,
                    content_hash=digest,
                    source=source,
                    submitted_at=now,
                )
            )
            project.title = idea.title
            project.scope = ""  # it was about the stories of another brief
            _enter(session, project, "submitted", "", "", now)
            session.flush()
            request_build(session, project, now)
            emit(session, now, project, "idea.submitted", revision=revision, source=source)
            audit(session, now, "idea.submit", idea.key, revision=revision, hash=digest, source=source)
        return Submission(idea.key, revision, changed=True, files=paths)

    def set_scope(self, key: str, stories: Sequence[str]) -> None:
        """Say which stories builds of a project are about, by id; none for all.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        scope = ",".join(stories)
        with self._sessions.write() as session:
            project = find_project(session, key)
            if project.scope != scope:
                project.scope = scope
                audit(session, self._sessions.clock.now(), "project.scope", key, stories=scope)

    def get(self, key: str) -> ProjectRecord:
        """A project.

        Raises:
            ProjectNotFoundError: if there is none.
        """
        with self._sessions.read() as session:
            return record(ProjectRecord, find_project(session, key))

    def exists(self, key: str) -> bool:
        """Whether there is a project."""
        with self._sessions.read() as session:
            query = select(ProjectRow.id).where(ProjectRow.key == key, visible(session))
            return session.scalars(query).one_or_none() is not None

    def reason(self, key: str) -> str:
        """Why a project is failed or blocked, empty where it is neither or is not there."""
        query = select(ProjectRow.reason).where(ProjectRow.key == key, ProjectRow.state.in_(STUCK_STATES))
        with self._sessions.read() as session:
            return session.scalars(query.where(visible(session))).one_or_none() or ""

    def all(self) -> list[ProjectRecord]:
        """All projects by key."""
        with self._sessions.read() as session:
            rows = session.scalars(select(ProjectRow).where(visible(session)).order_by(ProjectRow.key))
            return [record(ProjectRecord, row) for row in rows]

    def page(
        self, page: PageQuery, *, after: str = "", states: Collection[str] = ()
    ) -> PageOf[ProjectRecord]:
        """A page of projects: those after a key, in one of some states, whose key or title contains a text.

        Raises:
            UsageError: the page's order or cursor is none.
        """
        query = select(ProjectRow)
        if after:
            query = query.where(ProjectRow.key > after)
        if states:
            query = query.where(ProjectRow.state.in_(states))
        if page.search:
            query = query.where(containing(page.search, ProjectRow.key, ProjectRow.title))
        with self._sessions.read() as session:
            mine = query.where(visible(session))
            return read_page(session, mine, _SORTS, ProjectRow.id, page, partial(record, ProjectRecord))

    def idea(self, key: str) -> Idea:
        """The newest revision of a project's brief.

        Raises:
            ProjectNotFoundError: if there is none.
        """
        return _idea(key, self.idea_revision(key).content)

    def idea_revision(self, key: str, revision: int | None = None) -> IdeaRevision:
        """A revision of a project's brief, the newest by default, with its hash and time.

        Raises:
            ProjectNotFoundError: if there is no such project.
        """
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(IdeaRow).where(IdeaRow.project_id == project.id)
            if revision is not None:
                query = query.where(IdeaRow.revision == revision)
            row = session.scalars(query.order_by(IdeaRow.revision.desc()).limit(1)).one()
            return record(IdeaRevision, row)

    def revision_at(self, key: str, moment: datetime) -> int:
        """The revision of a project's brief that was the newest at a time; 0 where there was none yet."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(func.max(IdeaRow.revision)).where(
                IdeaRow.project_id == project.id, IdeaRow.submitted_at <= moment
            )
            return session.scalar(query) or 0

    def newest_revisions(self, project_ids: Collection[int]) -> dict[int, IdeaRevision]:
        """The newest revision of some projects' briefs, by the projects' numbers."""
        newest = (
            select(IdeaRow.project_id, func.max(IdeaRow.revision).label("revision"))
            .where(IdeaRow.project_id.in_(project_ids))
            .group_by(IdeaRow.project_id)
            .subquery()
        )
        query = select(IdeaRow).join(
            newest, (IdeaRow.project_id == newest.c.project_id) & (IdeaRow.revision == newest.c.revision)
        )
        with self._sessions.read() as session:
            return {row.project_id: record(IdeaRevision, row) for row in session.scalars(query)}

    def set_state(
        self,
        key: str,
        state: str,
        *,
        step: str = "",
        reason: str = "",
        event: str = "",
        fulfils: bool = True,
        only_from: str = "",
    ) -> None:
        """Record a project's state, and for ``failed`` or ``blocked`` the step and the reason.

        Args:
            key: the project.
            state: the new state.
            step: where it got stuck.
            reason: why.
            event: what has happened, where that is more than a new state.
            fulfils: whether a build that begins is the one that was asked for, and not a part of it.
            only_from: the state that it has to be in; in another, which somebody has set meanwhile, nothing is done.

        Raises:
            ProjectNotFoundError: if there is no such project.
            ProjectBusyError: it is being deleted, or is to be archived while it is built.
        """
        with self._sessions.write() as session:
            project = find_project(session, key)
            if only_from and project.state != only_from:
                return
            if state == "building":
                refuse_deleted(session, key)
            if state == "archived" and project.state == "building":
                raise ProjectBusyError(f"{key} is being built: wait for its run, or terminate that first")
            now = self._sessions.clock.now()
            before = project.state
            _enter(session, project, state, step, reason, now, fulfils=fulfils)
            if event:
                emit(session, now, project, event, step, reason=reason)
            if state == "building":
                emit(session, now, project, "build.started")
            elif before == "building":
                emit(session, now, project, "build.ended", step, state=state, reason=reason)
            if state in _AUDITED:
                audit(
                    session,
                    now,
                    f"project.{_AUDITED[state]}",
                    key,
                    step=step,
                    reason=stored_text(reason, 500),
                )

    def fail(self, key: str, step: str, reason: str, revision: int | None = None) -> bool:
        """Record that a run has ended without its project: whether it was still waited for.

        Args:
            key: the project.
            step: where it stopped, if that is known.
            reason: why.
            revision: the brief's revision that the run was to build, if that is known.
        """
        with self._sessions.write() as session:
            try:
                project = find_project(session, key)
            except ProjectNotFoundError:
                return False
            newest = _newest(session, project.id)
            replaced = revision is not None and newest is not None and newest.revision > revision
            # A run that may have been for another revision says nothing about one that nothing has begun to build.
            waited_for = ("building",) if revision is None else ("submitted", "building")
            if replaced or project.state not in waited_for:
                return False
            now = self._sessions.clock.now()
            _enter(session, project, "failed", step, reason, now)
            emit(session, now, project, "build.ended", step, state="failed", reason=reason)
            return True

    def by_state(self) -> dict[str, int]:
        """How many projects are in each state; states that none is in are there with 0."""
        query = select(ProjectRow.state, func.count()).group_by(ProjectRow.state)
        with self._sessions.read() as session:
            found = session.execute(query.where(visible(session))).all()
            return dict.fromkeys(PROJECT_STATES, 0) | dict(found)

    def keys_in(self, states: Collection[str], before: datetime, limit: int | None = None) -> list[str]:
        """Keys of projects in one of these states that nothing has happened to since a time, the oldest first."""
        query = (
            select(ProjectRow.key)
            .where(ProjectRow.state.in_(states), ProjectRow.updated_at < before)
            .order_by(ProjectRow.updated_at, ProjectRow.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            return list(session.scalars(query.where(visible(session))))


def _newest(session: Session, project_id: int) -> IdeaRow | None:
    return session.scalars(
        select(IdeaRow).where(IdeaRow.project_id == project_id).order_by(IdeaRow.revision.desc()).limit(1)
    ).one_or_none()


def _own(session: Session, key: str) -> ProjectRow:
    try:
        return find_project(session, key)
    except ProjectNotFoundError:
        raise ProjectKeyError(f"the key {key!r} is taken: choose another with `key:` in the brief") from None


def _enter(
    session: Session,
    project: ProjectRow,
    state: str,
    step: str,
    reason: str,
    now: datetime,
    *,
    fulfils: bool = True,
) -> None:
    before = project.state
    project.state, project.failed_step = state, step[:40]
    project.reason = stored_text(reason)
    project.updated_at = now
    session.flush()
    follow_state(session, project, before, now, fulfils=fulfils)


def _idea(key: str, content: str) -> Idea:
    try:
        return Idea.model_validate_json(content)
    except ValidationError:
        raise StorageError(
            f"the brief of {key!r} in the project store is damaged, or of another release: bring the store back from a "
            "backup, or delete the project and submit its brief again"
        ) from None
