"""What the repository of events hands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened to a project.

    Args:
        id: grows with every event; who has read up to one goes on after it.
        at: when.
        organization_id: whose project it is.
        project: the project's key.
        kind: what happened, such as ``build.started``; ``KINDS`` lists all.
        subject: to what of the project: an artifact, a story, an export.
        payload: more of it, a few small values.
        actor: the label of whoever did it.
    """

    id: int
    at: datetime
    organization_id: int
    project: str
    kind: str
    subject: str
    payload: Mapping[str, object]
    actor: str
