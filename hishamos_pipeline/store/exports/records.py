"""What the repository of exports hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Somebody asks for an export that the brief does not ask for, or for one again; it stands until withdrawn.

    ``options`` is a ``core.artifacts.target.Target`` as JSON, which comes before what the brief says.
    """

    id: int
    project_id: int
    type: str
    options: str
    status: str
    error: str
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
