"""What the repository of backlog hands out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoryRecord:
    """A user story of the newest backlog, with its sprint once it is planned."""

    id: int
    project_id: int
    epic_id: int
    sprint_id: int | None
    code: str
    title: str
    status: str
    reason: str
    points: int
    priority: str
