"""When a step begins, and for how long it waits: decisions about one step, given those before it and the clock."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from hishamos_pipeline.core.workflows.definitions import Join, Retry, RunBudget, WorkflowStep, duration
from hishamos_pipeline.core.workflows.states import ENDED, TRANSIENT, RunState, StepState

Verdict = Literal["wait", "begin", "skip"]
# No retry waits longer, however often it was doubled.
_LONGEST_BACKOFF = timedelta(days=1)
_SATURDAY = 5
# How often a step is tried again whose worker has died, whatever its retry policy.
_LOST_TRIES = 2


def admission(join: Join, before: Sequence[tuple[WorkflowStep, StepState]]) -> Verdict:
    """Whether a step begins, given the steps that it depends on.

    ``all``: none is open, and at least one was not skipped. ``any``: one has succeeded; where all have ended and none
    has, the step is skipped. ``all_done``: none is open. A failure that the run goes on after counts as done.
    """
    states = [state.state for _, state in before]
    is_open = any(state not in ENDED for state in states)
    if join == "any" and states:
        return "begin" if "succeeded" in states else "wait" if is_open else "skip"
    if is_open:
        return "wait"
    return "skip" if join == "all" and states and set(states) == {"skipped"} else "begin"


def retry_at(policy: Retry, state: StepState, cause: str, now: datetime) -> datetime | None:
    """When a step that has failed is tried again; ``None`` if it is not.

    One whose worker was lost is tried again in any case: nothing says that it cannot be done.
    """
    if cause not in TRANSIENT or cause not in policy.causes or state.tries > policy.max:
        return now if cause == "lost" and state.tries <= _LOST_TRIES else None
    doubled: timedelta = policy.backoff * 2 ** min(state.tries - 1, 20)
    return now + min(doubled, _LONGEST_BACKOFF)


def over_budget(budget: RunBudget, run: RunState, now: datetime) -> str:
    """Why no further step may begin: what the run has taken, or may have; empty if one may."""
    if budget.usd is not None and run.unpriced:
        return f"nobody knows what {', '.join(run.unpriced)} cost, and the budget is {budget.usd:g} USD"
    if budget.usd is not None and run.usd >= budget.usd:
        return f"{run.usd:.4f} USD are spent, the budget is {budget.usd:g}"
    if budget.tokens is not None and run.tokens >= budget.tokens:
        return f"{run.tokens} tokens are spent, the budget is {budget.tokens}"
    end = wall_time_ends(budget, run)
    return f"the run has lasted its whole budget of {budget.wall_time}" if end and end <= now else ""


def wall_time_ends(budget: RunBudget, run: RunState) -> datetime | None:
    """When the run has lasted as long as it may."""
    return run.started_at + budget.wall_time if budget.wall_time is not None and run.started_at else None


def delay_until(given: Mapping[str, Any], now: datetime) -> datetime:
    """When a delay is over: after a duration, at a time, or at this time of the day some working days later.

    Raises:
        ValueError: it says none of them, or more than one, or nonsense.
    """
    said = [name for name in ("for", "until", "business_days") if given.get(name) is not None]
    if len(said) != 1:
        raise ValueError("a delay takes one of `for`, `until` and `business_days`")
    if said == ["for"]:
        return now + duration(given["for"])
    if said == ["business_days"]:
        return _working_days_later(now.astimezone(_zone(given)), int(given["business_days"]))
    until = datetime.fromisoformat(str(given["until"]))
    return (until if until.tzinfo else until.replace(tzinfo=_zone(given))).astimezone(UTC)


def _zone(given: Mapping[str, Any]) -> ZoneInfo:
    try:
        return ZoneInfo(str(given.get("timezone") or "UTC"))
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{given['timezone']!r} is no time zone of the IANA database") from None


def _working_days_later(time: datetime, days: int) -> datetime:
    if not 0 <= days <= 1000:
        raise ValueError("`business_days` is not between 0 and 1,000")
    while days:
        time += timedelta(days=1)  # of the wall clock, whatever the daylight saving does
        days -= time.weekday() < _SATURDAY
    return time.astimezone(UTC)
