"""Dagster's memory without Dagster: runs and partitions in lists."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hishamos_pipeline.application.builds import EndedRuns
from hishamos_pipeline.operations.cleanup.runs import EndedRun


@dataclass
class FakeRuns:
    """Runs that have ended, projects that a run is working on, and partitions."""

    runs: list[EndedRun] = field(default_factory=list)
    working: set[str] = field(default_factory=set)
    partitions: set[str] = field(default_factory=set)
    broken: bool = False

    def in_flight(self, project: str) -> bool:
        return project in self.working

    def unfinished(self) -> dict[str, int]:
        return {"started": len(self.working), "queued": 0}

    def cancel(self, project: str) -> EndedRuns:
        ended = len(self.working & {project})
        self.working.discard(project)
        return EndedRuns(ended, 0)

    def ended(self, project: str = "") -> Iterator[EndedRun]:
        ordered = sorted(self.runs, key=lambda run: run.ended_at, reverse=True)
        yield from (run for run in ordered if not project or run.project == project)

    def size(self, run_id: str) -> int:
        return 1000 if any(run.run_id == run_id for run in self.runs) else 0

    def remove(self, run_id: str) -> None:
        if self.broken:
            raise OSError("the disk is gone")
        self.runs = [run for run in self.runs if run.run_id != run_id]

    def remove_partition(self, project: str) -> None:
        self.partitions.discard(project)
