"""What the repository of batches hands out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """Projects that are built together: which, with which settings, and within which limits.

    ``conditions`` are those that chose them; ``settings`` take the place of the installation's. ``attempt`` counts how
    often it was begun or taken up again.
    """

    id: int
    name: str
    kind: str
    conditions: Sequence[str]
    settings: Mapping[str, str]
    budget_usd: float | None
    budget_tokens: int | None
    slots: int
    most_failures: int
    attempt: int
    state: str
    reason: str
    started_by: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchMember:
    """A project of a batch, and how its run has ended: figures that stay when the project is built again or deleted.

    ``seconds`` are wall time of all its runs. ``refused`` says that the batch's budget has stopped it.
    """

    batch_id: int
    project: str
    canary: bool
    state: str
    attempt: int
    slot: int
    run_id: str
    refused: bool
    reason: str
    seconds: float
    requirements: int
    requirements_verified: int
    cost_usd: float
    calls: int
    tokens: int
    models: Sequence[str]
    prompt_versions: Sequence[str]
