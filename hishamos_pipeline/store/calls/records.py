"""What the repository of calls hands out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LlmCall:
    """A call of a model: reserved before it is made, settled after it.

    ``cost_usd`` is an estimate where ``outcome`` is ``lost``, ``cancelled`` or ``broken``. ``project`` is the
    project's key, not a reference: what was spent stays on the books when a project is removed. ``asked_by`` is the
    label of the person that it was made for.
    """

    id: int
    project: str
    batch: str
    asset: str
    unit: str
    role: str
    task: str
    asked_by: str
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


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Calls, tokens and US dollars."""

    calls: float = 0.0
    tokens: float = 0.0
    cost_usd: float = 0.0

    @staticmethod
    def total(costs: "Sequence[UnitCost]") -> "UnitCost":
        """All of them together."""
        return UnitCost(
            sum(c.calls for c in costs), sum(c.tokens for c in costs), sum(c.cost_usd for c in costs)
        )

    @staticmethod
    def mean(costs: "Sequence[UnitCost]") -> "UnitCost":
        """One of them on average; nothing where there are none."""
        whole, number = UnitCost.total(costs), len(costs) or 1
        return UnitCost(whole.calls / number, whole.tokens / number, whole.cost_usd / number)
