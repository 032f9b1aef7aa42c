"""What the repository of deliveries hands out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file of a generated project: size in bytes, POSIX mode, and the stories it serves."""

    id: int
    path: str
    size: int
    content_hash: str
    mode: int
    stories: Sequence[str]


@dataclass(frozen=True, slots=True)
class Export:
    """An export of a generated project; ``url`` is a file URL for archives and local repositories.

    ``details`` is a ``core.artifacts.target.Publication`` as JSON: how far a publication on a Git host has come.
    """

    id: int
    type: str
    status: str
    url: str
    checksum: str
    error: str
    details: str
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveredTree:
    """A published tree of a project: where it is, and how it fared."""

    id: int
    project_id: int
    output_directory: str
    status: str
    created_at: datetime
    completed_at: datetime | None
    files: tuple[DeliveredFile, ...]
    exports: tuple[Export, ...]
