"""What the repository of conversations hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that an agent used: with what, and with which result."""

    id: int
    project: str
    role: str
    task: str
    tool: str
    arguments: str
    result: str
    error: str
    called_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with a task of a role; ``messages`` is JSON."""

    id: int
    name: str
    role: str
    task: str
    project: str
    messages: str
    turns: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PromptText:
    """The text of a prompt by the version that calls and artifacts name."""

    version: str
    role: str
    task: str
    text: str
    first_used_at: datetime
