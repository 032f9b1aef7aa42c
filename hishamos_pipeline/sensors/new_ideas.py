"""The sensor that takes in new ideas and starts their builds."""

from collections.abc import Iterable, Sequence
from itertools import islice

import dagster as dg

from hishamos_pipeline.core.ids import KEY_PATTERN
from hishamos_pipeline.intake.inbox import InboxResult, take_in
from hishamos_pipeline.jobs.build_project import BUILD_PROJECT, build_project
from hishamos_pipeline.partitions import projects
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.store.store import ProjectStore

_CANCELLED = "its run was cancelled before it began; build it to take it up again"


def requested_builds(waiting: Iterable[tuple[str, int]]) -> list[dg.RunRequest]:
    """A run for each waiting project; the revision in the run key makes asking again harmless."""
    return [
        dg.RunRequest(run_key=f"{BUILD_PROJECT}/{key}/{revision}", partition_key=key)
        for key, revision in waiting
        if KEY_PATTERN.fullmatch(key)
    ]


def skip_reason(taken: Sequence[InboxResult]) -> str:
    """Why a tick requests nothing, in words."""
    bad = [result.path.name for result in taken if result.error]
    return f"no new idea; set aside: {', '.join(bad)}" if bad else "no new idea"


def _was_requested(context: dg.SensorEvaluationContext, store: ProjectStore, request: dg.RunRequest) -> bool:
    """Whether there is a run already; one that was cancelled before it began ends the waiting of its project."""
    filters = dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)})
    runs = context.instance.get_runs(filters, limit=1)
    if runs and runs[0].status == dg.DagsterRunStatus.CANCELED:
        revision = int(str(request.run_key).rpartition("/")[2])
        store.projects.fail(str(request.partition_key), "", _CANCELLED, revision)
    return bool(runs)


@dg.sensor(
    job=build_project,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads the inbox, registers partitions, and requests a build for each new or changed idea.",
)
def new_ideas(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One bounded tick. What to do is decided from the store's state, so a tick that died is made up for."""
    services, store = pipeline.services, pipeline.services.store
    taken = take_in(services.settings, services.store.projects)
    for result in taken:
        if result.error:
            context.log.warning(f"inbox: {result.path.name} set aside: {result.error}")
    limit = services.settings.runs_per_tick
    waiting = requested_builds(services.store.projects.waiting(10 * limit))
    # What was cancelled in the queue is not asked for again, and must not keep others waiting.
    requests = list(
        islice((request for request in waiting if not _was_requested(context, store, request)), limit)
    )
    if not requests:
        return dg.SensorResult(skip_reason=skip_reason(taken))
    keys = [str(request.partition_key) for request in requests]
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[projects.build_add_request(keys)],
    )
