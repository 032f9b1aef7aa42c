"""Runs of batches without Dagster: what was wanted, and runs that end as a test wants it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from hishamos_pipeline.core.pipeline.batch import MemberState
from hishamos_pipeline.operations.batch.runs import MemberRun, WantedRun


@dataclass
class FakeBatchRuns:
    """Keeps runs by attempt and project, the last of each; a run key begins one run, however often it is wanted."""

    wanted: dict[str, WantedRun] = field(default_factory=dict)
    last: dict[tuple[str, int, str], MemberRun] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    slow: bool = False

    def take(self, runs: Iterable[WantedRun]) -> list[str]:
        """Begin runs as Dagster does after a tick; the projects whose keys it had not seen."""
        new = [run for run in runs if run.run_key not in self.wanted]
        for run in new:
            _, batch, attempt, _ = run.run_key.split(":")
            self.wanted[run.run_key] = run
            self.last[batch, int(attempt), run.project] = MemberRun(f"run-{run.project}", "launched")
        return [run.project for run in new]

    def of(self, batch: str, attempt: int, projects: Collection[str]) -> dict[str, MemberRun]:
        return {key: self.last[name] for key in projects if (name := (batch, attempt, key)) in self.last}

    def cancel(self, batch: str, attempt: int) -> None:
        for key, run in self.of(batch, attempt, [key for *_, key in self.last]).items():
            if run.state == "launched":
                self.cancelled.append(key)
                if not self.slow:
                    self.last[batch, attempt, key] = MemberRun(run.run_id, "cancelled")

    def end(
        self, key: str, state: MemberState = "verified", seconds: float = 3.0, *, retried: bool = False
    ) -> None:
        """End the last run of a project."""
        name = [name for name in self.last if name[2] == key][-1]
        self.last[name] = MemberRun(f"run-{key}", state, seconds, retried)
