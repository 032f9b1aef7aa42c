"""What the repository of heartbeats hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A run that works on a project, and how often its process has said that it lives."""

    run_id: str
    project: str
    machine: str
    beats: int
    beat_at: datetime
