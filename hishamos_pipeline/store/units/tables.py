"""Tables of units."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class BlobRow(Base):
    """The text of a generated file, found by its SHA-256, and when it was last kept."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UnitRow(Base):
    """A unit of work, a file as a rule, found by the hash of everything that it was made from."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("project_id", "unit_key"), Index(None, "blob"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(300))
    unit_key: Mapped[str] = mapped_column(String(64))
    blob: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    batch: Mapped[str] = mapped_column(String(60), default="", server_default="")
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
