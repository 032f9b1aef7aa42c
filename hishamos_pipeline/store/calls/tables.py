"""Tables of calls."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime

OUTCOMES = ("running", "ok", "cached", "invalid", "failed", "broken", "cancelled", "lost")


class LlmCallRow(Base):
    """A call of a model: reserved before it is made, settled after it.

    ``cost_usd`` is an estimate where ``outcome`` is ``lost``, ``cancelled`` or ``broken``. ``project`` is the
    project's key, not a reference: what was spent stays on the books when a project is removed.
    """

    __tablename__ = "llm_calls"
    __table_args__ = (
        CheckConstraint(
            f"outcome IN ({', '.join(map(repr, OUTCOMES))})",
            name="outcome",
        ),
        CheckConstraint("cost_usd >= 0 AND reserved_usd >= 0", name="cost"),
        Index(None, "request_hash", "outcome"),
        Index(None, "project", "asset"),
        Index(None, "started_at"),
        Index(None, "outcome", "provider"),
        Index(None, "batch", "project"),
        Index(None, "asked_by", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(String(63), default="")
    batch: Mapped[str] = mapped_column(String(60), default="", server_default="")
    asset: Mapped[str] = mapped_column(String(40), default="")
    unit: Mapped[str] = mapped_column(String(300), default="")
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    # The label of the person that it was made for; empty for nobody's.
    asked_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    provider: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    prompt_version: Mapped[str] = mapped_column(String(64))
    request_hash: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int] = mapped_column(default=1)
    fallback_reasons: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[str] = mapped_column(String(10))
    error: Mapped[str] = mapped_column(Text, default="")
    reserved_usd: Mapped[float] = mapped_column(default=0.0)
    reserved_tokens: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    cached_tokens: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    owner: Mapped[str] = mapped_column(String(120), default="")
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LlmBodyRow(Base):
    """What was sent and what came back, as JSON with secrets masked; kept for as long as retention says."""

    __tablename__ = "llm_bodies"

    call_id: Mapped[int] = mapped_column(ForeignKey("llm_calls.id", ondelete="CASCADE"), primary_key=True)
    request: Mapped[str] = mapped_column(Text)
    response: Mapped[str] = mapped_column(Text, default="")
