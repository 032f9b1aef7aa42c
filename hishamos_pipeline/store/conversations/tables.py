"""Tables of conversations."""

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class ToolCallRow(Base):
    """A tool that an agent used: with what, and with which result."""

    __tablename__ = "tool_calls"
    __table_args__ = (Index(None, "project"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(String(63), default="")
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    tool: Mapped[str] = mapped_column(String(60))
    arguments: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    called_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConversationRow(Base):
    """The messages of a task that takes several turns, as JSON."""

    __tablename__ = "conversations"
    __table_args__ = (UniqueConstraint("project", "name", "role", "task"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    project: Mapped[str] = mapped_column(String(63), default="")
    messages: Mapped[str] = mapped_column(Text)
    turns: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PromptTextRow(Base):
    """The text of a prompt by the version that calls and artifacts name; ``project`` is whose own role has it."""

    __tablename__ = "prompts"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(Text)
    project: Mapped[str] = mapped_column(String(63), default="")
    first_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
