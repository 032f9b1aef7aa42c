"""Tables of providers of models."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class ProviderRow(Base):
    """A provider that was added, or what was set of one that comes with HishamOS or a package.

    ``wire`` is empty for the latter; ``url`` is empty where it is not set; ``prices_as`` is its name in genai-prices,
    and ``rates`` is JSON: ``input`` and ``output`` in US dollars for a million tokens by model or pattern. Its key is
    a credential.
    """

    __tablename__ = "providers"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    wire: Mapped[str] = mapped_column(String(20), default="")
    url: Mapped[str] = mapped_column(String(500), default="")
    needs_key: Mapped[bool] = mapped_column(default=False)
    prices_as: Mapped[str] = mapped_column(String(40), default="")
    rates: Mapped[str] = mapped_column(Text, default="{}")
    is_enabled: Mapped[bool] = mapped_column(default=True)
    updated_by: Mapped[str] = mapped_column(String(120))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
