"""Tables of artifacts."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class ArtifactRow(Base):
    """A document with what it was made from; revisions are added, never overwritten."""

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("project_id", "kind", "revision"),
        CheckConstraint("origin IN ('agent', 'human', 'blueprint')", name="origin"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    revision: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    inputs: Mapped[dict[str, str]] = mapped_column(JSON)
    code_version: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(40))
    engine: Mapped[str] = mapped_column(String(200))
    origin: Mapped[str] = mapped_column(String(10))
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    calls: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    prompt_version: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str] = mapped_column(String(120), default="")
    batch: Mapped[str] = mapped_column(String(60), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApprovalRow(Base):
    """A person's approval of one content of an artifact; another content needs another approval."""

    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("project_id", "kind", "content_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    content_hash: Mapped[str] = mapped_column(String(64))
    approver: Mapped[str] = mapped_column(String(120))
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)
