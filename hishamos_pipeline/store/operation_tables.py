"""The tables of operations: runs that live, and what people are told."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.tables import Base, UtcDateTime


class Heartbeat(Base):
    """A run that works on a project, and how often its process has said that it lives."""

    __tablename__ = "heartbeats"

    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(120))
    beats: Mapped[int]
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Notice(Base):
    """Something that a channel has to tell; it stays until it was told, or given up after all tries.

    ``occasion`` names what happened, a failed run for instance, so that each channel tells it once.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("occasion", "channel"),
        CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
        Index(None, "status", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    occasion: Mapped[str] = mapped_column(String(120))
    channel: Mapped[str] = mapped_column(String(60))
    event: Mapped[str] = mapped_column(String(40))
    project: Mapped[str] = mapped_column(String(63))
    run_id: Mapped[str] = mapped_column(String(64))
    step: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(8), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class IssueIdea(Base):
    """An issue on a Git host that has become a project: the revision that it gave, and what was last told there.

    ``answered`` is the state of the project that the issue was told, empty as long as that was none, and
    ``answered_at`` when the project had come into it.
    """

    __tablename__ = "issue_ideas"
    __table_args__ = (UniqueConstraint("host", "repository", "number"), Index(None, "project_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    host: Mapped[str] = mapped_column(String(60))
    repository: Mapped[str] = mapped_column(String(255))
    number: Mapped[int]
    revision: Mapped[int]
    answered: Mapped[str] = mapped_column(String(16), default="")
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Deletion(Base):
    """A project that is being deleted: until nothing is left of it, its key cannot be used again."""

    __tablename__ = "deletions"

    key: Mapped[str] = mapped_column(String(63), primary_key=True)
    requested_by: Mapped[str] = mapped_column(String(120))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Counter(Base):
    """A figure that only grows; ``labels`` are JSON with sorted keys."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    labels: Mapped[str] = mapped_column(String(300), primary_key=True)
    value: Mapped[float]


class AuditEntry(Base):
    """Who did what to what; ``hash`` covers the entry and the hash of the one before."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(300))
    details: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
