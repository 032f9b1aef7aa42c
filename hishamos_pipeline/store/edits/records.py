"""What the repository of edits hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """What an engine would make of an item that a person has edited; a person accepts or rejects it."""

    id: int
    project_id: int
    edit_id: int
    kind: str
    item: str
    content: str
    content_hash: str
    status: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class ActiveEdit:
    """A person's edit of one item that holds; ``content`` is JSON, empty for an item that was removed."""

    kind: str
    item: str
    content: str
    author: str
    reason: str
    edited_at: datetime
