"""Two batches side by side: what was verified, what that has cost, and how long it took."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median, quantiles

from hishamos_pipeline.store.batches.records import BatchMember

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """What the members of a batch add up to.

    Args:
        projects: how many have ended, cancelled ones aside.
        verified: how many of them were verified.
        share: that as a share from 0 to 1; ``None`` where none has ended.
        low: lower end of the share's 95 % interval after Wilson: few projects say little.
        high: the upper end.
        requirements: requirements of all of them.
        requirements_verified: those that verified projects have shown.
        cost_usd: US dollars in all.
        usd_each: US dollars for each verified requirement; ``None`` where there is none.
        tokens_each: tokens for each.
        seconds: median wall time of a project, all of its runs.
        p95_seconds: the 95th percentile of it.
        models: who has answered.
        prompt_versions: the versions of the prompts that were used.
    """

    projects: int
    verified: int
    share: float | None
    low: float
    high: float
    requirements: int
    requirements_verified: int
    cost_usd: float
    usd_each: float | None
    tokens_each: float | None
    seconds: float
    p95_seconds: float
    models: tuple[str, ...]
    prompt_versions: tuple[str, ...]


def figures(members: Sequence[BatchMember]) -> BatchFigures:
    """Add up members; those that have not ended, or were cancelled, say nothing and are left out."""
    ended = [member for member in members if member.state in ("verified", "failed")]
    verified = sum(member.state == "verified" for member in ended)
    shown = sum(member.requirements_verified for member in ended)
    cost, tokens = sum(m.cost_usd for m in ended), sum(m.tokens for m in ended)
    seconds = sorted(member.seconds for member in ended)
    low, high = interval(verified, len(ended))
    return BatchFigures(
        projects=len(ended),
        verified=verified,
        share=verified / len(ended) if ended else None,
        low=low,
        high=high,
        requirements=sum(member.requirements for member in ended),
        requirements_verified=shown,
        cost_usd=cost,
        usd_each=cost / shown if shown else None,
        tokens_each=tokens / shown if shown else None,
        seconds=median(seconds) if seconds else 0.0,
        p95_seconds=quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else sum(seconds),
        models=tuple(sorted({model for member in ended for model in member.models})),
        prompt_versions=tuple(sorted({name for member in ended for name in member.prompt_versions})),
    )


def common(
    first: Sequence[BatchMember], second: Sequence[BatchMember]
) -> tuple[list[BatchMember], list[BatchMember]]:
    """The members of two batches whose projects have ended in both: only those can be compared."""
    ended = [{m.project for m in batch if m.state in ("verified", "failed")} for batch in (first, second)]
    both = ended[0] & ended[1]
    return [m for m in first if m.project in both], [m for m in second if m.project in both]


def interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share, after Wilson (1927); from 0 to 1 where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    share, spread = successes / trials, _Z**2 / trials
    middle = share + spread / 2
    reach = _Z * ((share * (1 - share) + spread / 4) / trials) ** 0.5
    return max((middle - reach) / (1 + spread), 0.0), min((middle + reach) / (1 + spread), 1.0)
