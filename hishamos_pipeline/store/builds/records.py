"""What the repository of build requests hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A wish to have a project built, and what became of it.

    Args:
        id: its number.
        project: the project's key.
        revision: the brief's newest revision when it was made.
        status: ``requested``, ``running``, ``completed``, ``failed`` or ``cancelled``.
        reason: why it has failed.
        retry_deferred: whether stories that could not be verified are tried again.
        requested_by: the label of whoever wants it.
        via: the door that it came through.
        requested_at: when.
        started_at: when a run began, if one has.
        finished_at: when that ended, if it has.
    """

    id: int
    project: str
    revision: int
    status: str
    reason: str
    retry_deferred: bool
    requested_by: str
    via: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
