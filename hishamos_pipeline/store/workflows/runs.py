"""Runs of workflows: begun, told what happens to them, their steps taken by one worker at a time."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.workflows.definitions import Concurrency
from hishamos_pipeline.core.workflows.states import ENDED, Begun, Event, Failed, Started, Ticked
from hishamos_pipeline.errors import InputError, StorageError
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization, organization_id
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, rows_changed
from hishamos_pipeline.store.workflows.advancing import Advancing
from hishamos_pipeline.store.workflows.codec import STEP, decoded_event
from hishamos_pipeline.store.workflows.finding import (
    definition_of,
    found_run,
    loaded,
    running_with,
)
from hishamos_pipeline.store.workflows.records import (
    Attempt,
    ClaimedStep,
    Happening,
    ListedRun,
    NewRun,
    WaitingStep,
    WorkflowRun,
)
from hishamos_pipeline.store.workflows.tables import (
    WorkflowAttemptRow,
    WorkflowHistoryRow,
    WorkflowMessageRow,
    WorkflowRunRow,
    WorkflowStepRow,
)

log = logging.getLogger("hishamos.workflows")
# A worker that is alive says so far more often.
LOST_AFTER = timedelta(minutes=2)
# Messages that are delivered where they were written.
_AT_ONCE = 100
_SORTS: Sorts = {"-id": WorkflowRunRow.id, "priority": WorkflowRunRow.priority}


class WorkflowRuns:
    """Reads and changes runs of the actor's organization."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def start(self, new: NewRun, concurrency: Concurrency | None = None) -> WorkflowRun:
        """Begin a run, or have it wait for those with the same key.

        Raises:
            InputError: as many as may be run, and one more is to be refused.
        """
        with self._sessions.write() as session:
            actor, turn = actor_of(session), Advancing(session, self._sessions.clock.now())
            organization = organization_id(session)
            is_free = _is_free(session, organization, new.workflow, new.concurrency_key, concurrency)
            if concurrency and not is_free and concurrency.otherwise == "refuse":
                raise _too_many(new.workflow, new.concurrency_key)
            row = turn.begin(
                new, owner=actor.responsible[:300], user_id=actor.user_id, organization=organization
            )
            if is_free:
                turn.happen(row, Started())
            run_id = row.id
        self.deliver(turn.told)
        return self.get(run_id)

    def happen(self, run_id: int, event: Event) -> WorkflowRun:
        """Tell a run what has happened to it.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.write() as session:
            row, turn = self._found(session, run_id), Advancing(session, self._sessions.clock.now())
            turn.happen(row, event)
        self.deliver(turn.told)
        return self.get(run_id)

    def repin(
        self,
        run_id: int,
        version: int,
        sha256: str,
        event: Event,
        *,
        scopes: str = "",
        known_by: str = "",
        only_project: str = "",
    ) -> WorkflowRun:
        """Have a run that has ended go on by a version of its workflow, with what its owner shows now.

        Raises:
            ArtifactMissingError: there is none.
            InputError: it has not ended, or too many runs have its key.
        """
        with self._sessions.write() as session:
            row, turn = self._found(session, run_id), Advancing(session, self._sessions.clock.now())
            if row.ended_at is None:
                raise InputError((("run", f"run {run_id} has not ended"),))
            concurrency = definition_of(session, sha256).concurrency
            if not _is_free(session, row.organization_id, row.workflow, row.concurrency_key, concurrency):
                raise _too_many(row.workflow, row.concurrency_key)
            row.version, row.sha256 = version, sha256
            row.scopes, row.known_by, row.only_project = scopes, known_by, only_project
            turn.happen(row, event)
        self.deliver(turn.told)
        return self.get(run_id)

    def get(self, run_id: int) -> WorkflowRun:
        """A run with its steps.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.read() as session:
            row = self._found(session, run_id)
            return record(WorkflowRun, row, run=loaded(session, row))

    def page(
        self, page: PageQuery, *, workflow: str = "", state: str = "", project: str = ""
    ) -> PageOf[ListedRun]:
        """A page of runs, the newest first: of a workflow, a state or a project if they are named.

        Raises:
            InputError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(WorkflowRunRow).where(_seen(session))
            for column, value in (
                (WorkflowRunRow.workflow, workflow),
                (WorkflowRunRow.state, state),
                (WorkflowRunRow.project, project),
            ):
                query = query.where(column == value) if value else query
            return read_page(session, query, _SORTS, WorkflowRunRow.id, page, partial(record, ListedRun))

    def attempts(self, run_id: int) -> list[Attempt]:
        """The tries of a run's steps, in order."""
        query = select(WorkflowAttemptRow).where(WorkflowAttemptRow.run_id == run_id)
        with self._sessions.read() as session:
            return [
                record(Attempt, row) for row in session.scalars(query.order_by(WorkflowAttemptRow.number))
            ]

    def history(self, run_id: int) -> list[Happening]:
        """What has happened to a run, in order."""
        query = select(WorkflowHistoryRow).where(WorkflowHistoryRow.run_id == run_id)
        with self._sessions.read() as session:
            return [record(Happening, row) for row in session.scalars(query.order_by(WorkflowHistoryRow.id))]

    def claim(
        self, worker: str, *, run: int | None = None, heavy: bool = False, oldest: bool = False
    ) -> ClaimedStep | None:
        """The step that is to be done next, by the priority of its run; nobody else gets it.

        Args:
            worker: who takes it.
            run: of this run alone.
            heavy: whether steps that take long are meant, too.
            oldest: by age alone, so that none waits for ever.
        """
        by_age, by_priority = WorkflowStepRow.id, WorkflowRunRow.priority.desc()
        query = _ready().order_by(*((by_age,) if oldest else (by_priority, by_age))).limit(10)
        query = query if heavy else query.where(WorkflowStepRow.is_heavy.is_(False))
        query = query if run is None else query.where(WorkflowRunRow.id == run)
        with self._sessions.read() as session:
            found = [(row.run_id, row.key, row.attempt) for row in session.scalars(query)]
        return next((claimed for step in found if (claimed := self.take(worker, *step))), None)

    def take(self, worker: str, run_id: int, key: str, attempt: int) -> ClaimedStep | None:
        """Begin a step that is ready; ``None`` if somebody else has, or its run is paused or has ended."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = found_run(session, run_id)
            step = session.scalars(
                select(WorkflowStepRow).where(WorkflowStepRow.run_id == run_id, WorkflowStepRow.key == key)
            ).one_or_none()
            if step is None or (step.state, step.attempt) != ("ready", attempt) or row.state == "paused":
                return None
            run = Advancing(session, now).happen(row, Begun(key, attempt))
            tried = session.scalars(_attempt(run_id, attempt)).one()
            tried.worker, tried.beat_at = worker[:120], now
            organization = session.get_one(OrganizationRow, row.organization_id).key
            return ClaimedStep(
                run_id, row.workflow, row.project, organization, row.owner, row.user_id, row.scopes, row.known_by,
                row.only_project, step.type, run.steps[key],
            )  # fmt: skip

    def beat(self, claimed: ClaimedStep) -> bool:
        """Say that a step is still being done; whether it is to go on."""
        with self._sessions.write() as session:
            row = session.scalars(_attempt(claimed.run_id, claimed.step.attempt)).one_or_none()
            if row is None or row.state != "running":
                return False
            row.beat_at = self._sessions.clock.now()
            return True

    def waiting(self, limit: int) -> list[WaitingStep]:
        """Steps that wait for what they have asked for, or for an event; those that were looked at longest ago."""
        query = (
            select(
                WorkflowStepRow,
                WorkflowAttemptRow,
                WorkflowRunRow.organization_id,
                WorkflowRunRow.only_project,
            )
            .join(
                WorkflowAttemptRow,
                (WorkflowAttemptRow.run_id == WorkflowStepRow.run_id)
                & (WorkflowAttemptRow.number == WorkflowStepRow.attempt),
            )
            .join(WorkflowRunRow, WorkflowRunRow.id == WorkflowStepRow.run_id)
            .where(
                WorkflowStepRow.state == "waiting",
                WorkflowStepRow.type.not_in(("delay", "human_approval", "subworkflow")),
            )
            .order_by(WorkflowAttemptRow.beat_at.asc().nulls_first(), WorkflowAttemptRow.id)
            .limit(limit)
        )
        with self._sessions.read() as session:
            found = session.execute(query).all()
        self._look([attempt.id for _, attempt, _, _ in found])
        return [
            WaitingStep(row.run_id, org, only, row.type, a.since_event, STEP.validate_json(row.content))
            for row, a, org, only in found
        ]

    def _look(self, attempts: Sequence[int]) -> None:
        """Have attempts be the last that are looked at again, but for those that somebody else is writing."""
        if not attempts:
            return
        mine = select(WorkflowAttemptRow.id).where(WorkflowAttemptRow.id.in_(attempts))
        mine = mine.order_by(WorkflowAttemptRow.id).with_for_update(skip_locked=True)
        with self._sessions.write() as session:
            looked = update(WorkflowAttemptRow).where(WorkflowAttemptRow.id.in_(session.scalars(mine).all()))
            session.execute(looked.values(beat_at=self._sessions.clock.now()))

    def is_awaited(self, asked: Mapping[str, Any]) -> bool:
        """Whether a step that has not ended waits for the same request."""
        query = select(WorkflowStepRow.content).where(
            WorkflowStepRow.state == "waiting", WorkflowStepRow.type.in_(("build_project", "repo_creation"))
        )
        names = ("kind", "project", "request", "to")
        with self._sessions.read() as session:
            waits = [STEP.validate_json(content).waits_for for content in session.scalars(query)]
        return any(all(one.get(name) == asked.get(name) for name in names) for one in waits)

    def saw_events(self, run_id: int, number: int, event: int) -> None:
        """An attempt waits for events after this one."""
        with self._sessions.write() as session:
            session.scalars(_attempt(run_id, number)).one().since_event = event

    def stopping(self, limit: int) -> list[tuple[int, int, dict[str, Any]]]:
        """What cancelled steps have asked for and is still to be taken back: the run, the attempt, and what it is."""
        query = select(WorkflowAttemptRow).where(WorkflowAttemptRow.stopping != "").limit(limit)
        with self._sessions.read() as session:
            return [(row.run_id, row.number, json.loads(row.stopping)) for row in session.scalars(query)]

    def stopped(self, run_id: int, number: int) -> None:
        """What an attempt had asked for is taken back."""
        with self._sessions.write() as session:
            session.scalars(_attempt(run_id, number)).one().stopping = ""

    def tick(self, limit: int) -> int:
        """Tell runs that time has passed, where that changes something, and that workers are lost; how many.

        Messages that a process has left when it died are delivered too.
        """
        now = self._sessions.clock.now()
        with self._sessions.read() as session:
            due = session.scalars(
                select(WorkflowRunRow.id)
                .where(WorkflowRunRow.wake_at <= now)
                .order_by(WorkflowRunRow.wake_at)
                .limit(limit)
            ).all()
            lost = session.execute(
                select(WorkflowAttemptRow.run_id, WorkflowAttemptRow.key, WorkflowAttemptRow.number)
                .where(WorkflowAttemptRow.state == "running", WorkflowAttemptRow.beat_at < now - LOST_AFTER)
                .limit(limit)
            ).all()
            messages = select(WorkflowMessageRow.id, WorkflowMessageRow.run_id)
            left = session.execute(messages.order_by(WorkflowMessageRow.id).limit(limit)).all()
        said = "its worker has said nothing for two minutes"
        happenings: list[tuple[int, Event]] = [(run_id, Ticked()) for run_id in due]
        happenings += [(run_id, Failed(key, number, "lost", said)) for run_id, key, number in lost]
        moved = sum(self._alone(run_id, partial(self.happen, run_id, event)) for run_id, event in happenings)
        return moved + sum(self._alone(run_id, partial(self.deliver, [n])) for n, run_id in left)

    def _alone(self, run_id: int, happening: Callable[[], object]) -> bool:
        """Have one run go on; where that breaks unexpectedly the run ends, and stops none of the others."""
        try:
            happening()
        except StorageError:  # the store is away for all of them
            raise
        except Exception as error:
            log.exception("run %d cannot go on", run_id)
            with self._sessions.write() as session:
                row, turn = found_run(session, run_id), Advancing(session, self._sessions.clock.now())
                turn.give_up(row, f"{type(error).__name__}: {error}")
                session.execute(delete(WorkflowMessageRow).where(WorkflowMessageRow.run_id == run_id))
            return False
        return True

    def outdated(self, before: datetime) -> int:
        """How many runs have ended before a time that no other run has begun."""
        with self._sessions.read() as session:
            return session.scalars(
                select(func.count()).select_from(WorkflowRunRow).where(*_old(before))
            ).one()

    def remove(self, before: datetime) -> int:
        """Remove those, with all that they have begun; how many."""
        with self._sessions.write() as session:
            return rows_changed(session, delete(WorkflowRunRow).where(*_old(before)))

    def deliver(self, messages: Sequence[int]) -> None:
        """Tell runs what others have left for them, each in a transaction of its own; again it changes nothing."""
        open_, done = list(messages), 0
        while open_ and done < _AT_ONCE:  # what is left, the next tick finds
            number, done = open_.pop(0), done + 1
            with self._sessions.write() as session:
                found = session.get(WorkflowMessageRow, number)
                if found is None:
                    continue
                run_id, content = found.run_id, found.content
                row = found_run(session, run_id)
                if not rows_changed(
                    session, delete(WorkflowMessageRow).where(WorkflowMessageRow.id == number)
                ):
                    continue
                turn = Advancing(session, self._sessions.clock.now())
                event = decoded_event(content)
                if isinstance(event, Started):
                    turn.start(row)
                else:
                    turn.happen(row, event)
            open_ += turn.told

    def _found(self, session: Session, run_id: int) -> WorkflowRunRow:
        return found_run(session, run_id, _seen(session))


def _is_free(
    session: Session, organization: int, workflow: str, key: str, concurrency: Concurrency | None
) -> bool:
    """Whether one more run with a key may begin."""
    return concurrency is None or running_with(session, organization, workflow, key) < concurrency.max


def _too_many(workflow: str, key: str) -> InputError:
    return InputError(
        (("concurrency", f"as many runs of {workflow} with the key {key!r} as may be have not ended"),)
    )


def _ready() -> Select[WorkflowStepRow]:
    return (
        select(WorkflowStepRow)
        .join(WorkflowRunRow, WorkflowRunRow.id == WorkflowStepRow.run_id)
        .where(
            WorkflowStepRow.state == "ready",
            WorkflowRunRow.state != "paused",
            WorkflowRunRow.state.not_in(ENDED),
        )
    )


def _old(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return WorkflowRunRow.parent_run_id.is_(None), WorkflowRunRow.ended_at < before


def _attempt(run_id: int, number: int) -> Select[WorkflowAttemptRow]:
    return select(WorkflowAttemptRow).where(
        WorkflowAttemptRow.run_id == run_id, WorkflowAttemptRow.number == number
    )


def _seen(session: Session) -> ColumnElement[bool]:
    """The runs of the actor's organization; a token for one project sees those about that."""
    mine = in_organization(session, WorkflowRunRow.organization_id)
    only = actor_of(session).project
    return mine & (WorkflowRunRow.project == only) if only else mine
