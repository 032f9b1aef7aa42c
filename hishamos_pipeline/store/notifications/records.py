"""What the repository of notifications hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """What a channel has to send; it stays until it was sent, or given up after all tries.

    ``occasion`` names what happened, a failed run for instance, so that each channel gets it once.
    """

    id: int
    occasion: str
    channel: str
    event: str
    project: str
    run_id: str
    step: str
    reason: str
    status: str
    tries: int
    error: str
    created_at: datetime
    next_try_at: datetime
    sent_at: datetime | None
