"""The runs of batches in a Dagster instance."""

from collections.abc import Collection, Mapping

import dagster as dg
from dagster import DagsterRunStatus

from hishamos_pipeline.core.pipeline.batch import ATTEMPT_TAG, BATCH_TAG, MemberState
from hishamos_pipeline.operations.batch.runs import MemberRun
from hishamos_pipeline.partitions import PARTITION_TAG, WILL_RETRY_TAG

_ENDS: Mapping[DagsterRunStatus, MemberState] = {
    DagsterRunStatus.SUCCESS: "verified",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELED: "cancelled",
}
_LIVE = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


class DagsterBatchRuns:
    """See ``operations.batch.runs.BatchRuns``."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def of(self, batch: str, attempt: int, projects: Collection[str]) -> dict[str, MemberRun]:
        """The last run of each of these projects that has one in an attempt of a batch.

        One that was made and not submitted, because Dagster's storage was away for instance, is none.
        """
        found: dict[str, MemberRun] = {}
        if not projects:
            return found
        mine = {BATCH_TAG: batch, ATTEMPT_TAG: str(attempt), PARTITION_TAG: list(projects)}
        records = self._instance.get_run_records(dg.RunsFilter(tags=mine))
        for record in reversed(records):  # the oldest first
            run = record.dagster_run
            if run.status == DagsterRunStatus.NOT_STARTED:
                continue
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
        mine = {BATCH_TAG: batch, ATTEMPT_TAG: str(attempt)}
        for run_id in self._instance.get_run_ids(dg.RunsFilter(tags=mine, statuses=_LIVE)):
            self._instance.run_coordinator.cancel_run(run_id)
