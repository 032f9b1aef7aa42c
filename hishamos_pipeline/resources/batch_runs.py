"""The runs of batches in a Dagster instance."""

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster import DagsterRunStatus, RunRecord

from hishamos_pipeline.core.pipeline.batch import ATTEMPT_TAG, BATCH_TAG, MemberState
from hishamos_pipeline.operations.batch.runs import MemberRun
from hishamos_pipeline.partitions import PARTITION_TAG, WILL_RETRY_TAG

_ENDS: Mapping[DagsterRunStatus, MemberState] = {
    DagsterRunStatus.SUCCESS: "verified",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELED: "cancelled",
}
_LIVE = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
)


class DagsterBatchRuns:
    """See ``operations.batch.runs.BatchRuns``."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def of(self, batch: str, attempt: int) -> dict[str, MemberRun]:
        """The last run of each project that has one in an attempt of a batch."""
        found: dict[str, MemberRun] = {}
        for record in reversed(self._records(batch, attempt)):  # the oldest first
            run = record.dagster_run
            key = run.tags.get(PARTITION_TAG, "")
            seconds = (record.end_time or 0.0) - (record.start_time or record.end_time or 0.0)
            before = found[key].seconds if key in found else 0.0
            found[key] = MemberRun(
                run.run_id,
                _ENDS.get(run.status, "launched"),
                before + max(seconds, 0.0),
                retried=run.tags.get(WILL_RETRY_TAG) == "true",
            )
        return found

    def cancel(self, batch: str, attempt: int) -> None:
        """End the runs of an attempt that wait or run, those that are tried again too."""
        for record in self._records(batch, attempt, _LIVE):
            self._instance.run_coordinator.cancel_run(record.dagster_run.run_id)

    def _records(
        self, batch: str, attempt: int, statuses: Sequence[DagsterRunStatus] = ()
    ) -> Sequence[RunRecord]:
        """Runs of an attempt, the newest first."""
        tags = {BATCH_TAG: batch, ATTEMPT_TAG: str(attempt)}
        return self._instance.get_run_records(dg.RunsFilter(tags=tags, statuses=statuses or None))
