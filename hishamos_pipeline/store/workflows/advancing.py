"""What happens to a run, in one transaction: the run as it becomes, what follows outside, and what others are told."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.workflows.approvals import asked_of
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.engine import advance, wake_at
from hishamos_pipeline.core.workflows.starting import complete_inputs, concurrency_key
from hishamos_pipeline.core.workflows.states import (
    ACTIVE,
    ENDED,
    Cancelled,
    Event,
    Failed,
    RunCommand,
    RunState,
    Started,
    StepState,
    Succeeded,
    WorkflowFailure,
)
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.errors import ArtifactMissingError, InputError
from hishamos_pipeline.store.artifacts.tables import ArtifactRow
from hishamos_pipeline.store.events.repository import last_event
from hishamos_pipeline.store.organizations.scope import actor_of
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.sessions import stored_text
from hishamos_pipeline.store.workflows.codec import (
    ASKED,
    RUN,
    STEP,
    encoded,
    encoded_event,
)
from hishamos_pipeline.store.workflows.finding import (
    definition_of,
    found_version,
    loaded,
    running_with,
    state_of,
    steps_of,
)
from hishamos_pipeline.store.workflows.records import NewRun
from hishamos_pipeline.store.workflows.tables import (
    HumanTaskRow,
    WorkflowAttemptRow,
    WorkflowHistoryRow,
    WorkflowMessageRow,
    WorkflowRunRow,
    WorkflowStepRow,
)

# Runs that run one another's runs, and so on.
_MOST_GENERATIONS, _MOST_DESCENDANTS = 10, 500


class Advancing:
    """The runs that one transaction changes.

    Args:
        session: writes.
        now: the time.
    """

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now
        self.told: list[int] = []

    def begin(self, new: NewRun, *, owner: str, user_id: int, organization: int) -> WorkflowRunRow:
        """Write a run down; it begins when it is told to."""
        state = RunState(id="", workflow=new.workflow, owner=owner, inputs=new.inputs)
        run_id, key, attempt = new.parent or (None, "", 0)
        row = WorkflowRunRow(
            organization_id=organization, workflow=new.workflow, version=new.version, sha256=new.sha256, type=new.type,
            project=new.project, priority=new.priority, state="pending", content="", owner=owner, user_id=user_id,
            scopes=new.scopes, known_by=new.known_by, only_project=new.only_project,
            concurrency_key=new.concurrency_key, parent_run_id=run_id,
            parent_key=key, parent_attempt=attempt, root_run_id=self._root(run_id), created_at=self._now,
        )  # fmt: skip
        self._session.add(row)
        self._session.flush()
        row.content = encoded(RUN, replace(state, id=str(row.id)))
        return row

    def _root(self, parent: int | None) -> int | None:
        """The run that a run has come from, by those between."""
        if parent is None:
            return None
        above = self._session.scalars(
            select(WorkflowRunRow.root_run_id).where(WorkflowRunRow.id == parent)
        ).one()
        return above or parent

    def tell(self, run_id: int, event: Event) -> None:
        """Leave a message for a run; it is taken in a transaction of its own, since it locks that run."""
        row = WorkflowMessageRow(run_id=run_id, content=encoded_event(event), created_at=self._now)
        self._session.add(row)
        self._session.flush()
        self.told.append(row.id)

    def happen(self, row: WorkflowRunRow, event: Event) -> RunState:
        """Something happens to a run, whose row is locked; the run afterwards."""
        definition = definition_of(self._session, row.sha256)
        rows = {found.key: found for found in self._session.scalars(steps_of(row.id))}
        run = state_of(row, rows.values())
        before, open_ = run, [event]
        while open_:
            happening = open_.pop(0)
            was = run
            run, commands = advance(definition, run, happening, self._now, BUILTIN)
            if run == was:
                continue
            self._remember(row, happening)
            self._save(row, rows, _types(definition), was, run)
            row.state = run.state
            for command in commands:
                if follow := self._do(row, definition, run, command):
                    open_.append(follow)
        if run != before:
            row.content = encoded(RUN, replace(run, steps={}))
            row.started_at, row.ended_at = run.started_at, run.ended_at
            row.wake_at = wake_at(definition, run)
        return run

    def _remember(self, row: WorkflowRunRow, event: Event) -> None:
        by = mask(actor_of(self._session).label)[:120]
        kind, content = type(event).__name__, encoded_event(event)
        self._session.add(
            WorkflowHistoryRow(run_id=row.id, at=self._now, kind=kind, content=content, actor=by)
        )

    def _save(
        self,
        row: WorkflowRunRow,
        rows: dict[str, WorkflowStepRow],
        types: Mapping[str, str],
        before: RunState,
        after: RunState,
    ) -> None:
        """Write the steps that have changed, with their attempts; ``rows`` are those that there are, by key."""
        for key, step in after.steps.items():
            if (old := before.steps.get(key)) == step:
                continue
            if key not in rows:
                rows[key] = WorkflowStepRow(
                    run_id=row.id, key=key, type=types[step.id], is_heavy=BUILTIN[types[step.id]].is_heavy
                )
                self._session.add(rows[key])
            rows[key].state, rows[key].attempt, rows[key].content = (
                step.state,
                step.attempt,
                encoded(STEP, step),
            )
            self._save_attempt(row.id, old, step)
        for key in rows.keys() - after.steps.keys():
            self._session.delete(rows.pop(key))
        self._session.flush()

    def _save_attempt(self, run_id: int, old: StepState | None, step: StepState) -> None:
        if not step.attempt:
            return
        if old is None or old.attempt != step.attempt:
            if old is not None and old.state in ACTIVE:
                self._close(run_id, old.attempt, replace(step, state="pending"))
            self._session.add(WorkflowAttemptRow(
                run_id=run_id, number=step.attempt, key=step.key, began_at=step.started_at or self._now,
                since_event=last_event(self._session), **_told(step, "running"),
            ))  # fmt: skip
            self._session.flush()
            return
        if old.state in ACTIVE:
            self._close(run_id, step.attempt, step)

    def _close(self, run_id: int, number: int, step: StepState) -> None:
        """Write how an attempt is going now, or has ended."""
        ended = None if step.state in ACTIVE else self._now
        self._change_attempt(run_id, number, ended_at=ended, **_told(step, "cancelled"))

    def _change_attempt(self, run_id: int, number: int, **values: object) -> None:
        mine = (WorkflowAttemptRow.run_id == run_id, WorkflowAttemptRow.number == number)
        self._session.execute(update(WorkflowAttemptRow).where(*mine).values(**values))

    def _do(
        self, row: WorkflowRunRow, definition: WorkflowDefinition, run: RunState, command: RunCommand
    ) -> Event | None:
        """Do what follows outside; what happens to the run at once if it cannot be done."""
        if command.kind == "end":
            self._end(row, run)
            return None
        step = run.steps[command.key]
        types = _types(definition)
        if command.kind == "stop":
            self._stop(row, command)
        elif command.kind != "open":
            self._remind(row, command, step)
        elif step.attempt == command.attempt and step.state == "waiting":
            try:
                if types[step.id] == "human_approval":
                    self._ask(row, definition, step)
                elif types[step.id] == "subworkflow":
                    self._call(row, step)
            except (ValueError, TypeError, ArtifactMissingError, InputError) as error:
                return Failed(command.key, command.attempt, "error", str(error))
        return None

    def _ask(self, row: WorkflowRunRow, definition: WorkflowDefinition, step: StepState) -> None:
        """Open what people are to decide.

        Raises:
            ValueError: what is asked makes no sense.
        """
        found = definition.step(step.id)
        may_change = found.on_changes is not None and step.reworks < found.on_changes.max
        shown = {str(name): self._hash_of(row, str(name)) for name in step.given.get("show", ())}
        asked = asked_of(step.given, row.owner.removeprefix("user:"), shown, may_ask_for_changes=may_change)
        question = stored_text(str(step.given.get("question", "")))
        self._session.add(HumanTaskRow(
            organization_id=row.organization_id, run_id=row.id, key=step.key, attempt=step.attempt,
            title=(found.title or f"{row.workflow}: {step.id}")[:200], question=question,
            asked=encoded(ASKED, asked), opened_at=self._now, expires_at=step.expires_at,
        ))  # fmt: skip

    def _hash_of(self, row: WorkflowRunRow, name: str) -> str:
        """The hash of the newest content of an artifact, of the run's project or of ``PROJECT/ARTIFACT``.

        Raises:
            ValueError: there is none.
        """
        project, _, artifact = name.rpartition("/")
        if row.only_project and (project or row.project) != row.only_project:
            raise ValueError(f"`show` names {name!r}, and the run may see {row.only_project} alone")
        query = (
            select(ArtifactRow.content_hash)
            .join(ProjectRow, ProjectRow.id == ArtifactRow.project_id)
            .where(
                ProjectRow.key == (project or row.project),
                ProjectRow.organization_id == row.organization_id,
                ArtifactRow.kind == artifact,
            )
            .order_by(ArtifactRow.revision.desc())
        )
        found = self._session.scalars(query.limit(1)).first()
        if found is None:
            raise ValueError(f"`show` names {name!r}, and there is no such artifact")
        return found

    def _call(self, row: WorkflowRunRow, step: StepState) -> None:
        """Begin the run that a step waits for.

        Raises:
            ArtifactMissingError: there is no such workflow, or version, or none is published.
            InputError: its inputs do not fit.
            ValueError: too many runs are waiting for one another.
        """
        above, count = row.parent_run_id, 1
        while above is not None:
            count += 1
            above = self._session.scalars(
                select(WorkflowRunRow.parent_run_id).where(WorkflowRunRow.id == above)
            ).one_or_none()
        if count >= _MOST_GENERATIONS:
            raise ValueError(f"more than {_MOST_GENERATIONS} runs would wait for one another")
        root = row.root_run_id or row.id
        family = select(func.count()).select_from(WorkflowRunRow).where(WorkflowRunRow.root_run_id == root)
        if self._session.scalars(family).one() >= _MOST_DESCENDANTS:
            raise ValueError(f"run {root} has begun {_MOST_DESCENDANTS} runs, which are the most")
        name, number = str(step.given["workflow"]), step.given.get("version")
        version = found_version(self._session, row.organization_id, name, number)
        definition = definition_of(self._session, version.sha256)
        inputs = complete_inputs(definition, dict(step.given.get("inputs", {})))
        new = NewRun(
            name, version.number, version.sha256, version.type, inputs, row.project, row.priority, row.scopes,
            row.known_by, row.only_project,
            concurrency_key(definition, row.owner, inputs), parent=(row.id, step.key, step.attempt),
        )  # fmt: skip
        child = self.begin(new, owner=row.owner, user_id=row.user_id, organization=row.organization_id)
        self.tell(child.id, Started())

    def _stop(self, row: WorkflowRunRow, command: RunCommand) -> None:
        """Close what people were to decide, cancel the run that was begun, have a request taken back."""
        if command.waits_for:
            self._change_attempt(row.id, command.attempt, stopping=canonical_json(dict(command.waits_for)))
        tasks = update(HumanTaskRow).where(
            HumanTaskRow.run_id == row.id,
            HumanTaskRow.attempt == command.attempt,
            HumanTaskRow.state == "open",
        )
        self._session.execute(tasks.values(state="closed", ended_at=self._now))
        children = select(WorkflowRunRow.id).where(
            WorkflowRunRow.parent_run_id == row.id,
            WorkflowRunRow.parent_attempt == command.attempt,
            WorkflowRunRow.state.not_in(ENDED),
        )
        for child in self._session.scalars(children).all():
            self.tell(child, Cancelled(f"run {row.id}"))

    def _remind(self, row: WorkflowRunRow, command: RunCommand, step: StepState) -> None:
        query = select(HumanTaskRow).where(
            HumanTaskRow.run_id == row.id, HumanTaskRow.attempt == command.attempt
        )
        for task in self._session.scalars(query):
            task.calls += 1
            task.is_escalated, task.expires_at = step.is_escalated, step.expires_at

    def _end(self, row: WorkflowRunRow, run: RunState) -> None:
        """Tell the run that waits for this one, and the next one with the same key."""
        if row.parent_run_id is not None:
            self.tell(row.parent_run_id, _answer(row, run))
        if row.concurrency_key and run.started_at is not None:
            self.tell_next(row)

    def tell_next(self, row: WorkflowRunRow) -> None:
        """Have the run begin that has waited longest for those with the key of this one."""
        waiting = select(WorkflowRunRow.id).where(
            WorkflowRunRow.organization_id == row.organization_id,
            WorkflowRunRow.workflow == row.workflow,
            WorkflowRunRow.concurrency_key == row.concurrency_key,
            WorkflowRunRow.state == "pending",
            WorkflowRunRow.id != row.id,
        )
        following = self._session.scalars(
            waiting.order_by(WorkflowRunRow.priority.desc(), WorkflowRunRow.id).limit(1)
        ).first()
        if following is not None:
            self.tell(following, Started())

    def start(self, row: WorkflowRunRow) -> None:
        """Begin a run that has waited, unless others with its key have come before it; whoever is next is told, too."""
        concurrency = definition_of(self._session, row.sha256).concurrency
        if concurrency is None:
            self.happen(row, Started())
            return
        key = (row.organization_id, row.workflow, row.concurrency_key)
        if row.state == "pending" and running_with(self._session, *key) < concurrency.max:
            self.happen(row, Started())
            if running_with(self._session, *key) < concurrency.max:
                self.tell_next(row)

    def give_up(self, row: WorkflowRunRow, why: str) -> None:
        """End a run that nothing can be done with any more, such as one that cannot be read."""
        row.state, row.wake_at, row.ended_at = "failed", None, self._now
        self._session.execute(
            update(WorkflowStepRow)
            .where(WorkflowStepRow.run_id == row.id, WorkflowStepRow.state.not_in(ENDED))
            .values(state="cancelled")
        )
        with suppress(ValueError):
            run = loaded(self._session, row)
            failure = WorkflowFailure("", "error", stored_text(why))
            ended = replace(run, steps={}, outcome="failed", failure=failure, ended_at=self._now)
            row.content = encoded(RUN, ended)
        if row.parent_run_id is not None:
            said = f"run {row.id} cannot go on: {stored_text(why)}"
            self.tell(row.parent_run_id, Failed(row.parent_key, row.parent_attempt, "error", said, None))


def _types(definition: WorkflowDefinition) -> Mapping[str, str]:
    return {step.id: step.type for step in definition.all_steps}


def _told(step: StepState, otherwise: str) -> dict[str, str]:
    """How an attempt is going; one that was taken back has been cancelled."""
    state = ("failed" if step.cause else otherwise) if step.state == "pending" else step.state
    return {"state": state, "cause": step.cause, "message": stored_text(step.message)}


def _answer(row: WorkflowRunRow, run: RunState) -> Event:
    """What the step that waits for a run is told of its end."""
    if run.outcome == "succeeded":
        outputs = {"outputs": dict(run.outputs), "run": run.id}
        usd = None if run.unpriced else run.usd
        return Succeeded(row.parent_key, row.parent_attempt, outputs, usd, run.tokens)
    why = f"run {run.id} {run.outcome}: {run.failure.message if run.failure else ''}"
    usd = None if run.unpriced else run.usd
    return Failed(row.parent_key, row.parent_attempt, "error", why, usd, run.tokens)
