"""Tables of batches."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Select, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime

UNDER_WAY = ("running", "stopping")


class BatchRow(Base):
    """Projects that are built together: which, with which settings, and within which limits.

    ``conditions`` are those that chose them; ``settings`` take the place of the installation's. ``attempt`` counts how
    often it was begun or taken up again.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("kind IN ('build', 'rebuild')", name="kind"),
        CheckConstraint("state IN ('running', 'stopping', 'stopped', 'finished')", name="state"),
        CheckConstraint("slots > 0", name="slots"),
        Index(None, "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    conditions: Mapped[list[str]] = mapped_column(JSON)
    settings: Mapped[dict[str, str]] = mapped_column(JSON)
    budget_usd: Mapped[float | None]
    budget_tokens: Mapped[int | None] = mapped_column(BigInteger)
    slots: Mapped[int]
    most_failures: Mapped[int]
    attempt: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(String(8), default="running")
    reason: Mapped[str] = mapped_column(Text, default="")
    started_by: Mapped[str] = mapped_column(String(120))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchMemberRow(Base):
    """A project of a batch, and how its run has ended: figures that stay when the project is built again or deleted.

    ``seconds`` are wall time of all its runs. ``refused`` says that the batch's budget has stopped it.
    """

    __tablename__ = "batch_members"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'launched', 'verified', 'failed', 'cancelled')", name="state"),
        Index(None, "batch_id", "state"),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    canary: Mapped[bool]
    state: Mapped[str] = mapped_column(String(9), default="waiting")
    attempt: Mapped[int] = mapped_column(default=0)
    slot: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[str] = mapped_column(String(64), default="")
    refused: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text, default="")
    seconds: Mapped[float] = mapped_column(default=0.0)
    requirements: Mapped[int] = mapped_column(default=0)
    requirements_verified: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    calls: Mapped[int] = mapped_column(default=0)
    tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    models: Mapped[list[str]] = mapped_column(JSON, default=list)
    prompt_versions: Mapped[list[str]] = mapped_column(JSON, default=list)


def in_batches() -> Select[str]:
    """Keys of the projects that a batch under way has still to build."""
    return (
        select(BatchMemberRow.project)
        .join(BatchRow, BatchRow.id == BatchMemberRow.batch_id)
        .where(BatchRow.state.in_(UNDER_WAY), BatchMemberRow.state.in_(("waiting", "launched")))
    )
