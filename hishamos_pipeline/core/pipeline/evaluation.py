"""What an evaluation comes to: for each case and checkpoint, what was delivered and what hidden tests say of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hishamos_pipeline.core.artifacts.document import Document


class EvaluatedStep(Document):
    """A checkpoint of a case after its build.

    ``passed`` and ``failed`` are hidden tests by name; ``regressions`` those that passed after the checkpoint before.
    Calls, tokens and US dollars are those of this build alone; ``reason`` says why nothing was delivered.
    """

    case: str
    checkpoint: int
    project: str
    state: str
    reason: str = ""
    delivered: bool
    stories: int = 0
    verified: int = 0
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    regressions: tuple[str, ...] = ()
    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    rounds: int = 0
    seconds: float = 0.0

    @property
    def was_wrong(self) -> bool:
        """Whether everything was said to be verified although a hidden test fails."""
        return self.delivered and self.verified == self.stories and bool(self.failed)


class Evaluation(Document):
    """A run of a suite with one engine."""

    suite: str
    engine: str
    started_at: datetime
    steps: tuple[EvaluatedStep, ...]
    stopped: str = ""


class EvaluationFigures(Document):
    """An evaluation in figures; shares are of checkpoints, or of hidden tests, from 0 to 1."""

    checkpoints: int
    delivered: float
    stories: int
    verified: int
    hidden_tests: int
    hidden_passed: float
    verified_was_wrong: int
    regressions: int
    calls: int
    tokens: int
    cost_usd: float
    rounds: int
    seconds: float


def figures(steps: Sequence[EvaluatedStep]) -> EvaluationFigures:
    """The figures of some checkpoints together."""
    hidden = sum(len(step.passed) + len(step.failed) for step in steps)
    return EvaluationFigures(
        checkpoints=len(steps),
        delivered=_share(sum(step.delivered for step in steps), len(steps)),
        stories=sum(step.stories for step in steps),
        verified=sum(step.verified for step in steps),
        hidden_tests=hidden,
        hidden_passed=_share(sum(len(step.passed) for step in steps), hidden),
        verified_was_wrong=sum(step.was_wrong for step in steps),
        regressions=sum(len(step.regressions) for step in steps),
        calls=sum(step.calls for step in steps),
        tokens=sum(step.tokens for step in steps),
        cost_usd=round(sum(step.cost_usd for step in steps), 6),
        rounds=sum(step.rounds for step in steps),
        seconds=round(sum(step.seconds for step in steps), 1),
    )


def in_both(first: Evaluation, second: Evaluation) -> tuple[list[EvaluatedStep], list[EvaluatedStep]]:
    """The checkpoints that two evaluations have both reached, of each."""
    found: list[Mapping[tuple[str, int], EvaluatedStep]] = [
        {(step.case, step.checkpoint): step for step in one.steps} for one in (first, second)
    ]
    shared = [place for place in found[0] if place in found[1]]
    return [found[0][place] for place in shared], [found[1][place] for place in shared]


def regressions(before: EvaluatedStep | None, failed: Sequence[str]) -> tuple[str, ...]:
    """Tests that fail now and passed after the checkpoint before, by name whatever file they are in."""
    passed = {name.split("::")[-1] for name in before.passed} if before else set()
    return tuple(name for name in failed if name.split("::")[-1] in passed)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
