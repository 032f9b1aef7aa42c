"""What the repository of agents' tasks hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AgentTask:
    """A task for a role; ``question`` and ``answer`` are JSON."""

    id: int
    parent_id: int | None
    project: str
    role: str
    task: str
    question: str
    conversation: str
    priority: int
    status: str
    created_by: str
    user_id: int
    scopes: str
    known_by: str
    asked: int
    attempt: int
    answer: str
    error: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task that is to be done now, and in whose organization."""

    task: AgentTask
    organization: str


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How a task has ended: ``completed``, ``failed`` or ``cancelled``, with which answer, at which cost."""

    status: str
    answer: str = ""
    error: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
