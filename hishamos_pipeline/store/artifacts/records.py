"""What the repository of artifacts hands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ArtifactRevision:
    """A document with what it was made from; revisions are added, never overwritten."""

    id: int
    project_id: int
    kind: str
    revision: int
    content: str
    content_hash: str
    inputs: Mapping[str, str]
    code_version: str
    role: str
    engine: str
    origin: str
    cost_usd: float
    seconds: float
    calls: int
    input_tokens: int
    output_tokens: int
    prompt_version: str
    reason: str
    author: str
    batch: str
    created_at: datetime
