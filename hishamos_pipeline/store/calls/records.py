"""What the repository of calls hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LlmCall:
    """A call of a model: reserved before it is made, settled after it.

    ``cost_usd`` is an estimate where ``outcome`` is ``lost``, ``cancelled`` or ``broken``. ``project`` is the
    project's key, not a reference: what was spent stays on the books when a project is removed.
    """

    id: int
    project: str
    batch: str
    asset: str
    unit: str
    role: str
    task: str
    provider: str
    model: str
    prompt_version: str
    request_hash: str
    attempt: int
    fallback_reasons: str
    outcome: str
    error: str
    reserved_usd: float
    reserved_tokens: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float
    seconds: float
    owner: str
    lease_until: datetime
    started_at: datetime
