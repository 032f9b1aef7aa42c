"""Tables of heartbeats."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class HeartbeatRow(Base):
    """A run that works on a project, and how often its process has said that it lives."""

    __tablename__ = "heartbeats"

    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(120))
    beats: Mapped[int]
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)
