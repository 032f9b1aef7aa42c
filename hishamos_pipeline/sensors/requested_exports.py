"""The sensor that picks requested exports out of the store."""

from collections.abc import Iterable
from itertools import islice

import dagster as dg

from hishamos_pipeline.core.graph import EXPORTS
from hishamos_pipeline.core.ids import KEY_PATTERN
from hishamos_pipeline.core.staleness import PlannedStep
from hishamos_pipeline.jobs.export_project import EXPORT_PROJECT, export_project
from hishamos_pipeline.partitions import projects
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.sensors.asked import was_requested
from hishamos_pipeline.store.tables import ExportRequest


def is_delivered(plan: Iterable[PlannedStep]) -> bool:
    """Whether nothing but exports would have to be made; otherwise a build comes first."""
    return all(step.kind in EXPORTS.values() for step in plan)


def runs_for(requested: Iterable[tuple[str, ExportRequest]]) -> list[dg.RunRequest]:
    """One run for each project; the number of the newest request in the run key makes asking again harmless."""
    newest: dict[str, int] = {}
    kinds: dict[str, set[str]] = {}
    for key, request in requested:
        if KEY_PATTERN.fullmatch(key):
            newest[key] = max(newest.get(key, 0), request.id)
            kinds.setdefault(key, set()).add(request.type)
    return [
        dg.RunRequest(
            run_key=f"{EXPORT_PROJECT}/{key}/{number}",
            partition_key=key,
            asset_selection=[dg.AssetKey(EXPORTS[kind]) for kind in sorted(kinds[key])],
        )
        for key, number in newest.items()
    ]


@dg.sensor(
    job=export_project,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts an export for each request that is in the store; one of a project in work waits for its build.",
)
def requested_exports(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One bounded tick. A request stays in the store until it was done or has failed, so no tick can lose it."""
    workshop = pipeline.workshop
    limit = workshop.settings.runs_per_tick
    waiting = workshop.store.export_requests.requested(10 * limit)
    delivered = {key: is_delivered(workshop.project(key).plan()) for key in {key for key, _ in waiting}}
    requests = runs_for((key, request) for key, request in waiting if delivered[key])
    requests = list(islice((request for request in requests if not was_requested(context, request)), limit))
    if not requests:
        return dg.SensorResult(skip_reason="no export was requested")
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[projects.build_add_request([str(r.partition_key) for r in requests])],
    )
