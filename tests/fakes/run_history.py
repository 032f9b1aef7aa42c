"""Dagster's memory without Dagster: runs and partitions in lists."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hishamos_pipeline.application.builds import EndedRuns, RunDetails, RunView
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

    def of(self, project: str, limit: int, before: str = "") -> list[RunView]:
        found = [_view(run) for run in self.ended(project)]
        start = next((n for n, run in enumerate(found, start=1) if run.id == before), 0)
        return found[start : start + limit]

    def details(self, run_id: str, lines: int) -> RunDetails | None:
        run = next((run for run in self.runs if run.run_id == run_id), None)
        return RunDetails(**dict(_view(run)), project=run.project, steps=(), log=()) if run else None

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


def _view(run: EndedRun) -> RunView:
    return RunView(
        id=run.run_id, job="build_project", status="success" if run.succeeded else "failure",
        assets=tuple(sorted(run.assets)), requested_by="", created_at=run.ended_at, started_at=run.ended_at,
        finished_at=run.ended_at, ui_path=f"/runs/{run.run_id}",
    )  # fmt: skip
