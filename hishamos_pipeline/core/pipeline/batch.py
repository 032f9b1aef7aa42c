"""Batches: many projects built on one account, and what to do next with one that is under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

BatchKind = Literal["build", "rebuild"]
BatchState = Literal["running", "stopping", "stopped", "finished"]
MemberState = Literal["waiting", "launched", "verified", "failed", "cancelled"]

# Settings that a batch may have of its own, so that models can be compared.
OWN_SETTINGS = ("llm", "llm_fast", "llm_structured", "repair_rounds")
# Tags of a batch's runs: its name, the attempt (a batch may be taken up again), and the slot,
# of which one run at a time is begun.
BATCH_TAG = "hishamos/batch"
ATTEMPT_TAG = "hishamos/batch_attempt"
# The tag of a batch in runs that an older release has requested.
FLEET_TAG = "hishamos/fleet"
SLOT_TAG = "hishamos/batch_slot"

# A slot is given so many projects at a time: enough to be busy until the next tick, few enough to stop soon.
PER_SLOT = 4
_LOW_WATER = 2


@dataclass(frozen=True, slots=True)
class BatchOverrides:
    """What a run for a batch keeps to; the default is that of a run for none.

    Args:
        batch: its name.
        anew: whether only what was made for this very batch counts as made.
        usd: the most that the batch may cost in US dollars, all of its runs together.
        tokens: the same in tokens.
        settings: settings that take the place of the installation's, by name.
    """

    batch: str = ""
    anew: bool = False
    usd: float | None = None
    tokens: int | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def only(self) -> str:
        """The batch whose artifacts, units and answers alone count as made; empty where all do."""
        return self.batch if self.anew else ""


NO_BATCH = BatchOverrides()


@dataclass(frozen=True, slots=True)
class Wave:
    """How the members of a wave stand: the keys that wait, how many are launched, how many failed in this attempt.

    One that somebody has cancelled counts as failed: nothing was shown of it.
    """

    waiting: Sequence[str] = ()
    launched: int = 0
    failed: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing of it waits or runs."""
        return not self.waiting and not self.launched


@dataclass(frozen=True, slots=True)
class Standing:
    """How a batch stands.

    Args:
        canary: the members that go first.
        rest: all others.
        slots: how many launched members each slot still has, for every slot that there is.
        most_failures: of the rest, more than so many failures stop the batch; of the canary, any.
        spent_usd: what it has cost.
        spent_tokens: the same in tokens.
        overrides: its budget.
    """

    canary: Wave
    rest: Wave
    slots: Mapping[int, int]
    most_failures: int
    spent_usd: float
    spent_tokens: int
    overrides: BatchOverrides


@dataclass(frozen=True, slots=True)
class Launch:
    """Projects to give to slots."""

    slots: Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing more is begun, and what waits in the queue is cancelled."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """All members have ended."""


def next_step(now: Standing) -> Launch | Stop | Finish | None:
    """What to do next with a running batch; ``None`` is to wait."""
    overrides = now.overrides
    if now.canary.ended and now.rest.ended:
        return Finish()
    # What could exceed the budget is refused at each call; free models may go on when it is nothing.
    if overrides.usd is not None and now.spent_usd >= max(overrides.usd, 1e-9):
        return Stop(f"its budget of {overrides.usd:g} USD is spent")
    if overrides.tokens is not None and now.spent_tokens >= max(overrides.tokens, 1):
        return Stop(f"its budget of {overrides.tokens:,} tokens is spent")
    if now.canary.failed:
        return Stop(f"{now.canary.failed} of the projects that went first failed")
    if now.rest.failed > now.most_failures:
        return Stop(f"{now.rest.failed} projects failed, which is more than {now.most_failures}")
    wave = now.rest if now.canary.ended else now.canary
    share = share_out(wave.waiting, now.slots)
    return Launch(share) if share else None


def share_out(waiting: Sequence[str], slots: Mapping[int, int]) -> dict[int, list[str]]:
    """Give projects that wait to slots that have next to nothing left, evenly, in the order of waiting.

    Args:
        waiting: keys of projects.
        slots: how many projects each slot still has.
    """
    free = sorted(slot for slot, left in slots.items() if left < _LOW_WATER)
    given: dict[int, list[str]] = {slot: [] for slot in free}
    for number, key in enumerate(waiting[: PER_SLOT * len(free)]):
        given[free[number % len(free)]].append(key)
    return {slot: keys for slot, keys in given.items() if keys}
