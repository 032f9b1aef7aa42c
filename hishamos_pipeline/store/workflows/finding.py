"""Rows of workflows, as transactions look for them."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.states import RunState
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.sessions import locked
from hishamos_pipeline.store.workflows.codec import RUN, STEP, decoded_definition
from hishamos_pipeline.store.workflows.tables import (
    WorkflowDefinitionRow,
    WorkflowRunRow,
    WorkflowStepRow,
    WorkflowVersionRow,
)

_RUNNING = ("running", "waiting", "paused")


def definition_of(session: Session, sha256: str) -> WorkflowDefinition:
    """A stored definition."""
    row = session.get(WorkflowDefinitionRow, sha256)
    assert row is not None
    return decoded_definition(row.content)


def loaded(session: Session, row: WorkflowRunRow) -> RunState:
    """A run with its steps."""
    return state_of(row, session.scalars(steps_of(row.id)))


def state_of(row: WorkflowRunRow, steps: Iterable[WorkflowStepRow]) -> RunState:
    """A run from its row and those of its steps."""
    states = {step.key: STEP.validate_json(step.content) for step in steps}
    return replace(RUN.validate_json(row.content), steps=states)


def found_run(session: Session, run_id: int, *conditions: ColumnElement[bool]) -> WorkflowRunRow:
    """The row of a run that conditions hold for, locked in a session that writes.

    Raises:
        ArtifactMissingError: there is none.
    """
    query = select(WorkflowRunRow).where(WorkflowRunRow.id == run_id, *conditions)
    row = session.scalars(locked(session, query)).one_or_none()
    if row is None:
        raise ArtifactMissingError(f"there is no run {run_id} of a workflow")
    return row


def found_version(
    session: Session, organization: int, name: str, number: int | None = None
) -> WorkflowVersionRow:
    """A published version of a workflow: the one that was published last, or that of a number.

    Raises:
        ArtifactMissingError: there is none.
    """
    query = select(WorkflowVersionRow).where(
        WorkflowVersionRow.organization_id == organization,
        WorkflowVersionRow.name == name,
        WorkflowVersionRow.status == "published",
    )
    if number is not None:
        query = query.where(WorkflowVersionRow.number == number)
    row = session.scalars(query.order_by(WorkflowVersionRow.published_at.desc()).limit(1)).first()
    if row is None:
        which = f" {number}" if number is not None else ""
        raise ArtifactMissingError(
            f"workflow {name!r} has no published version{which}: see `hishamos workflows list`"
        )
    return row


def running_with(session: Session, organization: int, workflow: str, key: str) -> int:
    """How many runs with the same key have not ended; whoever begins another one of the workflow waits meanwhile."""
    versions = select(WorkflowVersionRow.id).where(
        WorkflowVersionRow.organization_id == organization, WorkflowVersionRow.name == workflow
    )
    session.scalars(locked(session, versions.order_by(WorkflowVersionRow.id))).all()
    query = (
        select(func.count())
        .select_from(WorkflowRunRow)
        .where(
            WorkflowRunRow.organization_id == organization,
            WorkflowRunRow.workflow == workflow,
            WorkflowRunRow.concurrency_key == key,
            WorkflowRunRow.state.in_(_RUNNING),
        )
    )
    return session.scalars(query).one()


def steps_of(run_id: int) -> Select[WorkflowStepRow]:
    """The rows of a run's steps, in the order in which they came into it."""
    return select(WorkflowStepRow).where(WorkflowStepRow.run_id == run_id).order_by(WorkflowStepRow.id)
