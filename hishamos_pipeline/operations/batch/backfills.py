"""Dagster's backfills, as far as a batch needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hishamos_pipeline.core.pipeline.batch import MemberState


@dataclass(frozen=True, slots=True)
class MemberRun:
    """The last run of a project in a backfill; ``state`` is ``launched`` until it has ended.

    ``seconds`` are wall time of all its runs; ``retried`` says that Dagster tries it again, if the backfill goes on.
    """

    run_id: str
    state: MemberState
    seconds: float = 0.0
    retried: bool = False


class Backfills(Protocol):
    """Launches backfills and reads what became of them; ``resources.backfills.DagsterBackfills`` is the real one."""

    def launch(self, backfill: str, keys: Sequence[str], tags: Mapping[str, str], title: str) -> None:
        """Launch a backfill of the whole graph over some projects."""
        ...

    def exists(self, backfill: str) -> bool:
        """Whether a backfill was launched."""
        ...

    def over(self, backfill: str) -> bool:
        """Whether a backfill begins no more runs."""
        ...

    def cancel(self, backfill: str) -> None:
        """Cancel a backfill: its runs that wait or run are ended, those that are tried again too."""
        ...

    def runs(self, backfills: Sequence[str]) -> dict[tuple[str, str], MemberRun]:
        """The last run of each project that has one, by backfill and project."""
        ...
