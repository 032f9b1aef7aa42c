"""Tables of events."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class EventRow(Base):
    """Something that has happened; ``payload`` is JSON, ``project`` a key that outlives the project."""

    __tablename__ = "events"
    # A number is never used again: readers go on after the last one that they have seen.
    __table_args__ = (Index(None, "project", "id"), Index(None, "at"), {"sqlite_autoincrement": True})

    # SQLite counts only what it calls INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    project: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(300))
    payload: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(120))
