"""Backfills of a Dagster instance, as batches launch them."""

import time
from collections.abc import Mapping, Sequence

import dagster as dg
from dagster import DagsterRunStatus, RunRecord

from hishamos_pipeline.core.pipeline.batch import BACKFILL_TAG, MemberState
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.operations.batch.backfills import MemberRun
from hishamos_pipeline.partitions import PARTITION_TAG, WILL_RETRY_TAG, projects
from hishamos_pipeline.resources.dagster_private import (
    BULK_ACTION_TERMINAL_STATUSES,
    BaseAssetGraph,
    BulkActionStatus,
    PartitionBackfill,
)

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


class DagsterBackfills:
    """See ``operations.batch.backfills.Backfills``.

    Args:
        instance: where backfills and runs are kept.
        graph: the graph of assets.
    """

    def __init__(self, instance: dg.DagsterInstance, graph: BaseAssetGraph) -> None:  # type: ignore[type-arg]
        self._instance, self._graph = instance, graph

    def launch(self, backfill: str, keys: Sequence[str], tags: Mapping[str, str], title: str) -> None:
        """Launch a backfill of the whole graph over some projects."""
        self._instance.add_dynamic_partitions(str(projects.name), list(keys))
        self._instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id=backfill,
                asset_graph=self._graph,
                partition_names=list(keys),
                asset_selection=[dg.AssetKey(kind) for kind in STEPS],
                backfill_timestamp=time.time(),
                tags={**tags, BACKFILL_TAG: backfill},
                dynamic_partitions_store=self._instance,
                all_partitions=False,
                title=title,
                description=None,
                run_config=None,
            )
        )

    def exists(self, backfill: str) -> bool:
        """Whether a backfill was launched."""
        return self._instance.get_backfill(backfill) is not None

    def over(self, backfill: str) -> bool:
        """Whether a backfill begins no more runs."""
        found = self._instance.get_backfill(backfill)
        return found is None or found.status in BULK_ACTION_TERMINAL_STATUSES

    def cancel(self, backfill: str) -> None:
        """Cancel a backfill: its runs that wait or run are ended, those that are tried again too."""
        found = self._instance.get_backfill(backfill)
        if found and found.status == BulkActionStatus.REQUESTED:
            self._instance.update_backfill(found.with_status(BulkActionStatus.CANCELING))  # type: ignore[no-untyped-call]
        for record in self._runs([backfill], _LIVE):
            # Now: the daemon gets to it later, and counts those that are tried again no more among the backfill's.
            self._instance.run_coordinator.cancel_run(record.dagster_run.run_id)

    def runs(self, backfills: Sequence[str]) -> dict[tuple[str, str], MemberRun]:
        """The last run of each project that has one, by backfill and project."""
        found: dict[tuple[str, str], MemberRun] = {}
        for record in reversed(self._runs(backfills)):  # the oldest first
            run = record.dagster_run
            name = (run.tags[BACKFILL_TAG], run.tags.get(PARTITION_TAG, ""))
            seconds = (record.end_time or 0.0) - (record.start_time or record.end_time or 0.0)
            before = found[name].seconds if name in found else 0.0
            found[name] = MemberRun(
                run.run_id,
                _ENDS.get(run.status, "launched"),
                before + max(seconds, 0.0),
                retried=run.tags.get(WILL_RETRY_TAG) == "true",
            )
        return found

    def _runs(
        self, backfills: Sequence[str], statuses: Sequence[DagsterRunStatus] = ()
    ) -> Sequence[RunRecord]:
        """Runs of backfills, the newest first."""
        if not backfills:
            return ()
        filters = dg.RunsFilter(tags={BACKFILL_TAG: list(backfills)}, statuses=statuses or None)
        return self._instance.get_run_records(filters)
