"""Fleets: many projects built on one account, and what to do next with one that is under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

FleetKind = Literal["build", "rebuild"]
FleetState = Literal["running", "stopping", "stopped", "finished"]
MemberState = Literal["waiting", "launched", "verified", "failed", "cancelled"]

# Settings that a fleet may have of its own, so that models can be compared.
OWN_SETTINGS = ("llm", "llm_fast", "llm_structured", "repair_rounds")
# Tags of a fleet's runs: its name, its backfill (Dagster takes its own tag off runs that it tries again), and the lane,
# of which one run at a time is begun.
FLEET_TAG = "hishamos/fleet"
BACKFILL_TAG = "hishamos/fleet_backfill"
LANE_TAG = "hishamos/fleet_lane"

# A lane is given so many projects at a time: enough to be busy, few enough to stop soon.
PER_BACKFILL = 20
_LOW_WATER = 2


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run for a fleet keeps to; the default is that of a run for none.

    Args:
        fleet: its name.
        anew: whether only what was made for this very fleet counts as made.
        usd: the most that the fleet may cost in US dollars, all of its runs together.
        tokens: the same in tokens.
        settings: settings that take the place of the installation's, by name.
    """

    fleet: str = ""
    anew: bool = False
    usd: float | None = None
    tokens: int | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def only(self) -> str:
        """The fleet whose artifacts, units and answers alone count as made; empty where all do."""
        return self.fleet if self.anew else ""


ALONE = Terms()


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
    """How a fleet stands.

    Args:
        canary: the members that go first.
        rest: all others.
        lanes: how many launched members each lane still has, for every lane that there is.
        most_failures: of the rest, more than so many failures stop the fleet; of the canary, any.
        spent_usd: what it has cost.
        spent_tokens: the same in tokens.
        terms: its budget.
    """

    canary: Wave
    rest: Wave
    lanes: Mapping[int, int]
    most_failures: int
    spent_usd: float
    spent_tokens: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class Launch:
    """Projects to give to lanes, as one backfill each."""

    lanes: Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing more is begun, and what waits in the queue is cancelled."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """All members have ended."""


def next_step(now: Standing) -> Launch | Stop | Finish | None:
    """What to do next with a running fleet; ``None`` is to wait."""
    terms = now.terms
    if now.canary.ended and now.rest.ended:
        return Finish()
    # What could exceed the budget is refused at each call; free models may go on when it is nothing.
    if terms.usd is not None and now.spent_usd >= max(terms.usd, 1e-9):
        return Stop(f"its budget of {terms.usd:g} USD is spent")
    if terms.tokens is not None and now.spent_tokens >= max(terms.tokens, 1):
        return Stop(f"its budget of {terms.tokens:,} tokens is spent")
    if now.canary.failed:
        return Stop(f"{now.canary.failed} of the projects that went first failed")
    if now.rest.failed > now.most_failures:
        return Stop(f"{now.rest.failed} projects failed, which is more than {now.most_failures}")
    wave = now.rest if now.canary.ended else now.canary
    share = share_out(wave.waiting, now.lanes)
    return Launch(share) if share else None


def share_out(waiting: Sequence[str], lanes: Mapping[int, int]) -> dict[int, list[str]]:
    """Give projects that wait to lanes that have next to nothing left, evenly, in the order of waiting.

    Args:
        waiting: keys of projects.
        lanes: how many projects each lane still has.
    """
    free = sorted(lane for lane, left in lanes.items() if left < _LOW_WATER)
    given: dict[int, list[str]] = {lane: [] for lane in free}
    for number, key in enumerate(waiting[: PER_BACKFILL * len(free)]):
        given[free[number % len(free)]].append(key)
    return {lane: keys for lane, keys in given.items() if keys}
