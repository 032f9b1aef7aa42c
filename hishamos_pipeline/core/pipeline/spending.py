"""What a model call is for, what it may cost, and what it has cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Outcome = Literal["running", "ok", "cached", "invalid", "failed", "broken", "cancelled", "lost"]
Amount = TypeVar("Amount", int, float)
Scope = Literal["call", "project", "batch", "day", "instance"]


@dataclass(frozen=True, slots=True)
class Purpose:
    """On whose account a call is made: a project, one of its artifacts, and a unit of that."""

    project: str = ""
    asset: str = ""
    unit: str = ""


UNATTRIBUTED = Purpose()


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a scope may cost; ``setting`` is what a person changes to raise it.

    A day is a day in UTC.
    """

    scope: Scope
    usd: float | None
    tokens: int | None
    setting: str


@dataclass(frozen=True, slots=True)
class Throttle:
    """How much one provider is asked at most, over all processes of the installation."""

    concurrency: int
    per_minute: int


@dataclass(frozen=True, slots=True)
class CallStart:
    """A call that is about to be made, with the worst that it can cost; ``batch`` is the one it is made for, if any."""

    purpose: Purpose
    role: str
    task: str
    provider: str
    model: str
    prompt_version: str
    request_hash: str
    request: str
    reserved_usd: float = 0.0
    reserved_tokens: int = 0
    attempt: int = 1
    fallback_reasons: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended; ``cost_usd`` is in US dollars, ``seconds`` wall time."""

    outcome: Outcome
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    error: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """A call that has to wait, for at least so many seconds, and why."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Spent:
    """The sum of some calls; ``models`` names who answered."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    models: Sequence[str] = ()
    prompt_versions: Sequence[str] = ()


NOTHING = Spent()


def over(budget: Budget, usd: float, tokens: int) -> bool:
    """Whether a sum of money or tokens is more than a budget; a billionth of a dollar is rounding."""
    return (budget.usd is not None and usd > budget.usd + 1e-9) or (
        budget.tokens is not None and tokens > budget.tokens
    )


def least(asked: Amount | None, own: Amount | None, allowed: Amount | None = None) -> Amount | None:
    """What a project may cost: what its brief allows, as far as the operator does.

    Args:
        asked: what the brief says, ``None`` for nothing.
        own: the operator's limit for a project, ``None`` for none.
        allowed: what a brief may allow itself above that.
    """
    if asked is None or own is None:
        return own if asked is None else asked
    return min(asked, own if allowed is None else max(own, allowed))
