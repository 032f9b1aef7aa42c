"""Backfills without Dagster: what was launched, and runs that end as a test wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hishamos_pipeline.core.pipeline.batch import MemberState
from hishamos_pipeline.operations.batch.backfills import MemberRun


@dataclass
class FakeBackfills:
    """Keeps backfills with their keys and tags, and runs by backfill and project."""

    keys: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    ended: dict[tuple[str, str], MemberRun] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    slow: bool = False

    def launch(self, backfill: str, keys: Sequence[str], tags: Mapping[str, str], title: str) -> None:
        assert not self.exists(backfill), "launched twice"
        self.keys[backfill], self.tags[backfill] = list(keys), tags

    def exists(self, backfill: str) -> bool:
        return backfill in self.keys

    def over(self, backfill: str) -> bool:
        return not self.exists(backfill) or backfill in self.finished

    def cancel(self, backfill: str) -> None:
        self.cancelled.add(backfill)
        if not self.slow:
            self.finish(backfill)

    def finish(self, backfill: str) -> None:
        """A backfill is over, as the daemon sees it some time after it was cancelled."""
        self.finished.add(backfill)
        for key in self.keys.get(backfill, ()):
            self.ended.setdefault((backfill, key), MemberRun(f"run-{key}", "cancelled"))

    def runs(self, backfills: Sequence[str]) -> dict[tuple[str, str], MemberRun]:
        return {name: run for name, run in self.ended.items() if name[0] in backfills}

    def end(
        self, key: str, state: MemberState = "verified", seconds: float = 3.0, *, retried: bool = False
    ) -> None:
        """End the run of a project in the backfill that has it last."""
        backfill = [name for name, keys in self.keys.items() if key in keys][-1]
        self.ended[backfill, key] = MemberRun(f"run-{key}", state, seconds, retried)
