"""Tables of notifications."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class NotificationRow(Base):
    """What a channel has to send; it stays until it was sent, or given up after all tries.

    ``occasion`` names what happened, a failed run for instance, so that each channel gets it once.
    """

    __tablename__ = "notifications"
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
