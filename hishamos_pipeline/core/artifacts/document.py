"""The base of everything that is stored."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Base of everything that is stored: frozen, and no field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
