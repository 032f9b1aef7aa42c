"""What the repository of projects hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project, its state, and what it has cost so far in US dollars."""

    id: int
    key: str
    title: str
    state: str
    failed_step: str
    reason: str
    cost_usd: float
    scope: str
    organization_id: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class IdeaRevision:
    """A submitted brief; a changed one under the same key is the next revision."""

    id: int
    project_id: int
    revision: int
    content: str
    content_hash: str
    source: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Deletion:
    """A project that is being deleted: until nothing is left of it, its key cannot be used again."""

    key: str
    requested_by: str
    requested_at: datetime
