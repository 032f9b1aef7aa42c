"""Tables of counters."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base


class CounterRow(Base):
    """A figure that only grows; ``labels`` are JSON with sorted keys."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    labels: Mapped[str] = mapped_column(String(300), primary_key=True)
    value: Mapped[float]
