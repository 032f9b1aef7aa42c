"""Tables of workflows: definitions, versions, runs, steps and attempts, messages between runs, what people decide."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime

VERSION_STATES = ("draft", "published", "retired")
RUN_STATES = ("pending", "running", "waiting", "paused", "succeeded", "failed", "cancelled")
STEP_STATES = ("pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled")
TASK_STATES = ("open", "decided", "closed")


def _one_of(states: tuple[str, ...]) -> str:
    return f"IN ({', '.join(map(repr, states))})"


class WorkflowDefinitionRow(Base):
    """A valid definition as canonical JSON; it never changes."""

    __tablename__ = "workflow_definitions"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WorkflowVersionRow(Base):
    """A numbered version of a named workflow of an organization; ``source`` is the text as its author wrote it."""

    __tablename__ = "workflow_versions"
    __table_args__ = (
        UniqueConstraint("organization_id", "name", "number"),
        CheckConstraint(f"status {_one_of(VERSION_STATES)}", name="status"),
        Index(None, "sha256"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("workflow_definitions.sha256"))
    title: Mapped[str] = mapped_column(String(200), default="")
    type: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10), default="draft")
    created_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[str] = mapped_column(String(120), default="")
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WorkflowRunRow(Base):
    """A run, pinned to the definition that it began with.

    ``state`` repeats what follows from ``content``, the run as JSON without its steps. ``user_id``, ``scopes``,
    ``known_by`` and ``only_project`` are of whoever has started it: its steps are done with that person's rights,
    within these scopes, and in that project alone if one is named.
    ``parent_*`` is the step of another run that waits for it, ``root_run_id`` the run that all have come from.
    ``wake_at`` is when time alone changes something.
    """

    __tablename__ = "workflow_runs"
    __table_args__ = (
        CheckConstraint(f"state {_one_of(RUN_STATES)}", name="state"),
        Index(None, "wake_at"),
        Index(None, "organization_id", "state"),
        Index(None, "organization_id", "concurrency_key"),
        Index(None, "parent_run_id"),
        {
            "sqlite_autoincrement": True
        },  # what a step does outside is known by the number: no other run has it again
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    workflow: Mapped[str] = mapped_column(String(63))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("workflow_definitions.sha256"))
    type: Mapped[str] = mapped_column(String(20))
    project: Mapped[str] = mapped_column(String(63), default="")
    priority: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(String(300))
    user_id: Mapped[int] = mapped_column(default=0)
    scopes: Mapped[str] = mapped_column(Text, default="")
    known_by: Mapped[str] = mapped_column(String(120), default="")
    only_project: Mapped[str] = mapped_column(String(63), default="")
    concurrency_key: Mapped[str] = mapped_column(String(200), default="")
    parent_run_id: Mapped[int | None] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"))
    parent_key: Mapped[str] = mapped_column(String(100), default="")
    parent_attempt: Mapped[int] = mapped_column(default=0)
    root_run_id: Mapped[int | None] = mapped_column(index=True)
    wake_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WorkflowStepRow(Base):
    """A step of a run; ``content`` is its state as JSON, of which the other columns repeat what is looked for."""

    __tablename__ = "workflow_steps"
    __table_args__ = (
        UniqueConstraint("run_id", "key"),
        CheckConstraint(f"state {_one_of(STEP_STATES)}", name="state"),
        Index(None, "state", "is_heavy"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(100))
    type: Mapped[str] = mapped_column(String(60))
    is_heavy: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(10))
    attempt: Mapped[int] = mapped_column(default=0)
    content: Mapped[str] = mapped_column(Text)


class WorkflowAttemptRow(Base):
    """One try of a step. ``worker`` does it, and has said so last at ``beat_at``; ``since_event`` is the last event
    before it began. ``stopping`` is what it has asked for, as JSON, while that has still to be taken back.
    """

    __tablename__ = "workflow_attempts"
    __table_args__ = (UniqueConstraint("run_id", "number"), Index(None, "state", "beat_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(20), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    worker: Mapped[str] = mapped_column(String(120), default="")
    since_event: Mapped[int] = mapped_column(default=0)
    stopping: Mapped[str] = mapped_column(Text, default="")
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WorkflowMessageRow(Base):
    """What is to be said to a run by another one: written with what it follows from, and removed with what it does."""

    __tablename__ = "workflow_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"), index=True)
    content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WorkflowHistoryRow(Base):
    """What has happened to a run, in order: the event as JSON, and who has brought it about."""

    __tablename__ = "workflow_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(20))
    content: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(120))


class HumanTaskRow(Base):
    """Something that people are to decide; ``asked`` is JSON: who may, how many have to, the form, what is shown.

    ``calls`` counts how often people were to be told of it, ``told`` how often they were.
    """

    __tablename__ = "human_tasks"
    __table_args__ = (
        UniqueConstraint("run_id", "attempt"),
        CheckConstraint(f"state {_one_of(TASK_STATES)}", name="state"),
        Index(None, "organization_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    run_id: Mapped[int] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(100))
    attempt: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    question: Mapped[str] = mapped_column(Text, default="")
    asked: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default="open")
    is_escalated: Mapped[bool] = mapped_column(default=False)
    calls: Mapped[int] = mapped_column(default=1)
    told: Mapped[int] = mapped_column(default=0)
    decision: Mapped[str] = mapped_column(String(10), default="")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HumanDecisionRow(Base):
    """What somebody has decided, once for each task."""

    __tablename__ = "human_decisions"
    __table_args__ = (UniqueConstraint("task_id", "person"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("human_tasks.id", ondelete="CASCADE"))
    person: Mapped[str] = mapped_column(String(300))
    decision: Mapped[str] = mapped_column(String(10))
    comment: Mapped[str] = mapped_column(Text, default="")
    form: Mapped[str] = mapped_column(Text, default="{}")
    via: Mapped[str] = mapped_column(String(40), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)
