"""What the repository of audit hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what; ``hash`` covers the entry and the hash of the one before."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    previous: str
    hash: str
