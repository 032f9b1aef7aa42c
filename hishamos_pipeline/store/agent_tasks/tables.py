"""Tables of agents' tasks."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime

TASK_STATES = ("created", "requested", "running", "completed", "failed", "cancelled")


class AgentTaskRow(Base):
    """A task for a role, which somebody has written down and may have asked for.

    ``user_id`` and ``scopes`` are of whoever has asked for it: it is done with that person's rights, within these
    scopes (by commas; empty for all); ``asked`` is how often it was asked for. ``question`` and ``answer`` are JSON.
    One that runs and whose ``beat_at`` is old was left by its process.
    """

    __tablename__ = "agent_tasks"
    __table_args__ = (
        CheckConstraint(f"status IN ({', '.join(map(repr, TASK_STATES))})", name="status"),
        Index(None, "status", "priority"),
        Index(None, "organization_id", "project"),
        Index(None, "parent_id"),
        {"sqlite_autoincrement": True},  # calls of the API name the task: no other one has its number again
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("agent_tasks.id", ondelete="CASCADE"))
    project: Mapped[str] = mapped_column(String(63), default="")
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    question: Mapped[str] = mapped_column(Text)
    conversation: Mapped[str] = mapped_column(String(80), default="")
    priority: Mapped[int] = mapped_column(default=0)
    status: Mapped[str] = mapped_column(String(10), default="created")
    created_by: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int] = mapped_column(default=0)
    scopes: Mapped[str] = mapped_column(Text, default="")
    known_by: Mapped[str] = mapped_column(String(120), default="")
    asked: Mapped[int] = mapped_column(default=0)
    cancelling: Mapped[bool] = mapped_column(default=False)
    attempt: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str] = mapped_column(String(200), default="")
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
