"""Tables of build requests."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime

BUILD_STATES = ("requested", "running", "completed", "failed", "cancelled")


class BuildRequestRow(Base):
    """Somebody wants a project built: the newest revision of its brief, as it is when a run begins."""

    __tablename__ = "build_requests"
    __table_args__ = (
        CheckConstraint(f"status IN ({', '.join(repr(state) for state in BUILD_STATES)})", name="status"),
        Index(None, "project_id", "status"),
        Index(None, "status"),
        # Run keys hold the number: one that was used again would look as if it had its run already.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    revision: Mapped[int]
    status: Mapped[str] = mapped_column(String(10), default="requested")
    reason: Mapped[str] = mapped_column(Text, default="")
    retry_deferred: Mapped[bool] = mapped_column(default=False)
    requested_by: Mapped[str] = mapped_column(String(120))
    via: Mapped[str] = mapped_column(String(40))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
