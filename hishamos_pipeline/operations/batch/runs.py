"""The runs of a batch in Dagster, as far as a batch needs them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from hishamos_pipeline.core.pipeline.batch import MemberState


@dataclass(frozen=True, slots=True)
class MemberRun:
    """The last run of a project in one attempt of a batch; ``state`` is ``launched`` until it has ended.

    ``seconds`` are wall time of all its runs; ``retried`` says that Dagster tries it again.
    """

    run_id: str
    state: MemberState
    seconds: float = 0.0
    retried: bool = False


@dataclass(frozen=True, slots=True)
class WantedRun:
    """A run that a member waits for; asking for it again is harmless, since its key is known then."""

    project: str
    run_key: str
    tags: Mapping[str, str]


class BatchRuns(Protocol):
    """Reads and cancels the runs of batches; ``resources.batch_runs.DagsterBatchRuns`` is the real one."""

    def of(self, batch: str, attempt: int, projects: Collection[str]) -> dict[str, MemberRun]:
        """The last run of each of these projects that has one in an attempt of a batch.

        One that was made and not submitted, because Dagster's storage was away for instance, is none.
        """
        ...

    def cancel(self, batch: str, attempt: int) -> None:
        """End the runs of an attempt that wait or run, those that are tried again too."""
        ...
