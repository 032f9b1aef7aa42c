"""The sensor that starts requested builds."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg

from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.jobs.build_project import build_project
from hishamos_pipeline.partitions import (
    BUILD_PROJECT,
    REQUESTED_BY_TAG,
    RETRY_DEFERRED_TAG,
    RUN_KEY_TAG,
    WILL_RETRY_TAG,
    with_partitions,
)
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.store.builds.records import BuildRequest
from hishamos_pipeline.store.store import ProjectStore

_CANCELLED = "its run was cancelled before it began; build it to take it up again"
_ENDED = "its run ended before it began; build it to take it up again"
# The sensor of failures knows why a run has failed, and comes first; what it has lost is made up for after this.
_LOST = timedelta(seconds=20)
# So many more are looked at than are started: what was cancelled in the queue must not keep others waiting.
_LOOKED_AT = 10


def runs_for(requested: Iterable[BuildRequest], now: datetime) -> list[tuple[BuildRequest, dg.RunRequest]]:
    """A run for each request; its number in the run key makes asking again harmless, whatever the time is then."""
    return [
        (
            request,
            dg.RunRequest(
                run_key=f"{BUILD_PROJECT}/{request.project}/{request.revision}/{request.id}",
                partition_key=request.project,
                tags={
                    REQUESTED_BY_TAG: request.requested_by,
                    **({RETRY_DEFERRED_TAG: now.isoformat()} if request.retry_deferred else {}),
                },
            ),
        )
        for request in requested
        if KEY_PATTERN.fullmatch(request.project)
    ]


def _is_new(
    context: dg.SensorEvaluationContext, store: ProjectStore, request: BuildRequest, run: dg.RunRequest
) -> bool:
    """Whether there is no run yet; one that has ended before it began ends the waiting for it."""
    filters = dg.RunsFilter(tags={RUN_KEY_TAG: str(run.run_key)})
    records = context.instance.get_run_records(filters, limit=1)
    if records:
        _give_up(store, request, records[0])
    return not records


def _give_up(store: ProjectStore, request: BuildRequest, record: dg.RunRecord) -> None:
    run = record.dagster_run
    if run.status == dg.DagsterRunStatus.CANCELED:
        store.builds.cancel(request.project, _CANCELLED)
    elif run.is_finished and run.tags.get(WILL_RETRY_TAG) != "true":
        ended_at = datetime.fromtimestamp(record.end_time or 0, UTC)
        if store.clock.now() - ended_at > _LOST:
            store.builds.fail(request.id, request.revision, _ENDED)


@dg.sensor(
    job=build_project,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a build for each request in the store, with its partition and the name of whoever has asked.",
)
def requested_builds(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One bounded tick. A request stays in the store until a run has begun, so no tick can lose it."""
    store, limit = pipeline.services.store, pipeline.services.settings.runs_per_tick
    found = runs_for(store.builds.requested(_LOOKED_AT * limit), store.clock.now())
    runs = list(islice((run for request, run in found if _is_new(context, store, request, run)), limit))
    if not runs:
        return dg.SensorResult(skip_reason="no build was requested")
    return with_partitions(runs)
