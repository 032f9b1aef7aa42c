"""Runs of Dagster and their event logs, which it never removes by itself."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended; ``project`` is empty where it was about none, ``assets`` are those that it was to make."""

    run_id: str
    project: str
    assets: frozenset[str]
    succeeded: bool
    ended_at: datetime


class RunHistory(Protocol):
    """Dagster's memory of runs and partitions; ``resources.run_history.DagsterRuns`` is the real one."""

    def in_flight(self, project: str) -> bool:
        """Whether a run of a project waits or runs."""
        ...

    def ended(self, project: str = "") -> Iterable[EndedRun]:
        """All runs that have ended, or those of one project, the newest first."""
        ...

    def size(self, run_id: str) -> int:
        """Bytes that a run takes on this machine's disk; 0 where they are on a server."""
        ...

    def remove(self, run_id: str) -> None:
        """Remove a run with its events and logs."""
        ...

    def remove_partition(self, project: str) -> None:
        """Remove a project's partition."""
        ...


def outlived(ended: Iterable[EndedRun], before: datetime) -> Iterator[EndedRun]:
    """Runs that may go: older than a time, and not the last that has made some asset of its project.

    That one holds the asset's newest materialization, which Dagster would forget with it.

    Args:
        ended: runs, the newest first.
        before: younger ones stay.
    """
    made: dict[str, set[str]] = defaultdict(set)
    for run in ended:
        newest = run.succeeded and not run.assets <= made[run.project]
        if run.succeeded:
            made[run.project] |= run.assets
        if run.ended_at < before and not newest:
            yield run


def old_runs(history: RunHistory, before: datetime) -> Iterator[RemovalCandidate]:
    """Runs that may go."""
    for run in list(outlived(history.ended(), before)):
        yield RemovalCandidate(run.run_id, history.size(run.run_id), partial(history.remove, run.run_id))
