"""What people are to decide, and what they have decided: whoever comes, one transaction tells whether it counts."""

import json
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.workflows.approvals import Person, form_problems, outcome, refusal
from hishamos_pipeline.core.workflows.states import Decided, Decision, Ticked
from hishamos_pipeline.errors import ArtifactMissingError, ChangedMeanwhileError, ForbiddenError, InputError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.organizations.scope import actor_of, in_organization
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, read_page
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, stored_text
from hishamos_pipeline.store.workflows.advancing import Advancing
from hishamos_pipeline.store.workflows.codec import ASKED
from hishamos_pipeline.store.workflows.finding import found_run
from hishamos_pipeline.store.workflows.records import HumanDecision, HumanTask
from hishamos_pipeline.store.workflows.runs import WorkflowRuns
from hishamos_pipeline.store.workflows.tables import HumanDecisionRow, HumanTaskRow, WorkflowRunRow

_SORTS: Sorts = {"-id": HumanTaskRow.id, "id": HumanTaskRow.id}
_LONGEST_COMMENT = 4000


class HumanTasks:
    """Reads and decides tasks of the actor's organization."""

    def __init__(self, sessions: Sessions, runs: WorkflowRuns) -> None:
        self._sessions, self._runs = sessions, runs

    def get(self, task_id: int) -> HumanTask:
        """A task.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.read() as session:
            return _shown(session, _found(session, task_id))

    def page(self, page: PageQuery, *, state: str = "open", run: int | None = None) -> PageOf[HumanTask]:
        """A page of tasks, the newest first.

        Raises:
            InputError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(HumanTaskRow).where(_seen(session))
            query = query.where(HumanTaskRow.state == state) if state else query
            query = query.where(HumanTaskRow.run_id == run) if run is not None else query
            return read_page(session, query, _SORTS, HumanTaskRow.id, page, lambda row: _shown(session, row))

    def open_tasks(self) -> list[HumanTask]:
        """All open tasks, the oldest first."""
        with self._sessions.read() as session:
            query = select(HumanTaskRow).where(_seen(session), HumanTaskRow.state == "open")
            return [_shown(session, row) for row in session.scalars(query.order_by(HumanTaskRow.id))]

    def to_tell(self, limit: int) -> list[HumanTask]:
        """Open tasks that people have to be told of, the oldest first."""
        with self._sessions.read() as session:
            query = select(HumanTaskRow).where(
                _seen(session), HumanTaskRow.state == "open", HumanTaskRow.told < HumanTaskRow.calls
            )
            return [
                _shown(session, row) for row in session.scalars(query.order_by(HumanTaskRow.id).limit(limit))
            ]

    def told(self, task_id: int, calls: int) -> None:
        """People were told of a task so often."""
        with self._sessions.write() as session:
            session.get_one(HumanTaskRow, task_id).told = calls

    def decisions(self, task_id: int) -> list[HumanDecision]:
        """What was decided on a task, in order."""
        with self._sessions.read() as session:
            query = select(HumanDecisionRow).where(HumanDecisionRow.task_id == task_id)
            return [
                record(HumanDecision, row) for row in session.scalars(query.order_by(HumanDecisionRow.id))
            ]

    def decided_in(self, run: int) -> list[tuple[HumanTask, HumanDecision]]:
        """What was decided in a run, in order, with what was asked."""
        with self._sessions.read() as session:
            query = (
                select(HumanTaskRow, HumanDecisionRow)
                .join(HumanDecisionRow, HumanDecisionRow.task_id == HumanTaskRow.id)
                .where(HumanTaskRow.run_id == run, _seen(session))
                .order_by(HumanDecisionRow.id)
            )
            return [
                (_shown(session, task), record(HumanDecision, made)) for task, made in session.execute(query)
            ]

    def decide(
        self, task_id: int, decision: Decision, person: Person, *, comment: str, form: Mapping[str, Any]
    ) -> HumanTask:
        """Decide a task: who may, whether it is open, and what follows for its run are one transaction.

        Raises:
            ArtifactMissingError: there is no such task.
            ForbiddenError: they may not decide it.
            InputError: the form is not filled in well, or the run cannot go back.
            ChangedMeanwhileError: it is decided, or closed, or they have decided already; says by whom.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = _found(session, task_id)
            run = found_run(session, row.run_id)  # whoever decides at the same time waits here
            session.refresh(row)
            turn = Advancing(session, now)
            if row.expires_at is not None and row.expires_at <= now:  # no tick has come since
                turn.happen(run, Ticked())
                session.flush()
                session.refresh(row)
                if row.state != "open":
                    session.commit()
            asked = ASKED.validate_json(row.asked)
            if refused := refusal(asked, person, is_escalated=row.is_escalated):
                raise ForbiddenError(refused)
            known = list(session.scalars(_decisions(task_id)))
            _require_open(row, known, person)
            if decision == "changes" and not asked.may_ask_for_changes:
                raise InputError(
                    (("decision", "the run cannot go back here, or has gone back often enough"),)
                )
            if problems := tuple(form_problems(asked, form, is_approval=decision == "approve")):
                raise InputError(problems)
            made = HumanDecisionRow(
                task_id=task_id, person=person.name[:300], decision=decision, form=json.dumps(dict(form)),
                comment=stored_text(comment, _LONGEST_COMMENT), via=actor_of(session).via[:40], at=now,
            )  # fmt: skip
            session.add(made)
            if found := outcome(asked, [cast("Decision", one.decision) for one in (*known, made)]):
                row.state, row.decision, row.ended_at = "decided", found, now
                filled: dict[str, Any] = {}
                for one in (*known, made):
                    filled |= json.loads(one.form)
                by = ", ".join(one.person for one in (*known, made) if one.decision == found)
                turn.happen(run, Decided(row.key, row.attempt, found, by, made.comment, filled))
            # The last thing: it has others wait.
            audit(session, now, "workflow.decide", str(run.id), step=row.key, decision=decision)
            result = _shown(session, row)
        self._runs.deliver(turn.told)
        return result


def _require_open(row: HumanTaskRow, known: list[HumanDecisionRow], person: Person) -> None:
    """Make sure that a decision still counts.

    Raises:
        ChangedMeanwhileError: it does not.
    """
    mine = next((one for one in known if one.person.casefold() == person.name.casefold()), None)
    if row.state == "decided":
        by = ", ".join(f"{one.person} ({one.decision})" for one in known)
        raise ChangedMeanwhileError(f"task {row.id} is decided already, by {by}")
    if row.state == "closed":
        raise ChangedMeanwhileError(f"task {row.id} is closed: its run does not wait for it any more")
    if mine is not None:
        raise ChangedMeanwhileError(f"{person.name} has decided task {row.id} already: {mine.decision}")


def _shown(session: Session, row: HumanTaskRow) -> HumanTask:
    run = session.get_one(WorkflowRunRow, row.run_id)
    asked = ASKED.validate_json(row.asked)
    return record(HumanTask, row, asked=asked, workflow=run.workflow, project=run.project)


def _decisions(task_id: int) -> Any:
    query = select(HumanDecisionRow).where(HumanDecisionRow.task_id == task_id)
    return query.order_by(HumanDecisionRow.id)


def _found(session: Session, task_id: int) -> HumanTaskRow:
    query = select(HumanTaskRow).where(HumanTaskRow.id == task_id, _seen(session))
    row = session.scalars(query).one_or_none()
    if row is None:
        raise ArtifactMissingError(f"there is no task {task_id} that people decide")
    return row


def _seen(session: Session) -> ColumnElement[bool]:
    mine = in_organization(session, HumanTaskRow.organization_id)
    only = actor_of(session).project
    about = select(WorkflowRunRow.id).where(WorkflowRunRow.project == only)
    return mine & HumanTaskRow.run_id.in_(about) if only else mine
