"""Tables of exports."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class ExportRequestRow(Base):
    """Somebody asks for an export that the brief does not ask for, or for one again; it stands until withdrawn.

    ``options`` is a ``core.artifacts.target.Target`` as JSON, which comes before what the brief says.
    """

    __tablename__ = "export_requests"
    __table_args__ = (
        CheckConstraint("type IN ('zip', 'tar', 'github', 'gitlab')", name="type"),
        CheckConstraint("status IN ('requested', 'completed', 'failed', 'withdrawn')", name="status"),
        Index(None, "project_id", "type"),
        Index(None, "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(10))
    options: Mapped[str] = mapped_column(Text, default="{}")
    status: Mapped[str] = mapped_column(String(10), default="requested")
    error: Mapped[str] = mapped_column(Text, default="")
    requested_by: Mapped[str] = mapped_column(String(120), default="")
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
