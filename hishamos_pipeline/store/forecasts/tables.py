"""Tables of forecasts."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class ForecastRow(Base):
    """What a run was foretold to cost.

    ``foretold`` is JSON: by asset the calls, tokens and US dollars that are certain, likely, and the most. ``happened``
    is that of the calls which were made, once the run has ended; ``likely_calls`` and ``calls`` are their sums.
    """

    __tablename__ = "forecasts"
    __table_args__ = (UniqueConstraint("project_id", "run_id"), Index(None, "project_id", "made_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    run_id: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    foretold: Mapped[str] = mapped_column(Text)
    happened: Mapped[str] = mapped_column(Text, default="{}")
    likely_calls: Mapped[float]
    calls: Mapped[float] = mapped_column(default=0.0)
