"""The sensor that picks requested exports out of the store."""

from collections.abc import Callable, Iterable, Mapping

import dagster as dg

from hishamos_pipeline.core.pipeline.graph import EXPORTS
from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.jobs.export_project import EXPORT_PROJECT, export_project
from hishamos_pipeline.partitions import with_partitions
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.store.exports.records import ExportRequest

# How often a run that ended without a word is asked for again: its machine has died, as a rule.
TRIES = 3
_TAG = "hishamos/export_requests"


def runs_for(
    requested: Iterable[tuple[str, ExportRequest]], earlier: Callable[[str], tuple[int, bool]]
) -> tuple[list[dg.RunRequest], Mapping[str, list[ExportRequest]]]:
    """One run for each project that has none, and the requests to give up, by project.

    Args:
        requested: keys of projects with their open requests.
        earlier: by the name of a run, how many there were of it, and whether one of them has not ended.
    """
    open_requests: dict[str, list[ExportRequest]] = {}
    for key, request in requested:
        if KEY_PATTERN.fullmatch(key):
            open_requests.setdefault(key, []).append(request)
    runs, given_up = [], {}
    for key, requests in open_requests.items():
        name = f"{EXPORT_PROJECT}/{key}/{max(request.id for request in requests)}"
        tries, running = earlier(name)
        if running:
            continue
        if tries >= TRIES:
            given_up[key] = requests
            continue
        assets = sorted({EXPORTS[request.type] for request in requests})
        runs.append(
            dg.RunRequest(
                run_key=f"{name}/{tries + 1}",
                partition_key=key,
                asset_selection=[dg.AssetKey(asset) for asset in assets],
                tags={_TAG: name},
            )
        )
    return runs, given_up


@dg.sensor(
    job=export_project,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts an export for each request that is in the store; one of a project in work waits for its build.",
)
def requested_exports(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One bounded tick. A request stays in the store until it was done or has failed, so no tick can lose it."""
    store, limit = pipeline.services.store, pipeline.services.settings.runs_per_tick

    def earlier(name: str) -> tuple[int, bool]:
        found = context.instance.get_runs(dg.RunsFilter(tags={_TAG: name}), limit=TRIES)
        return len(found), any(not run.is_finished for run in found)

    runs, given_up = runs_for(store.export_requests.requested(10 * limit), earlier)
    for key, requests in given_up.items():
        for request in requests:
            why = f"{TRIES} runs ended without saying why: look at them in the Dagster UI, then export again"
            store.export_requests.finish(key, request.type, request.id, why)
            context.log.error(f"{key}: the export to {request.type} was given up")
    runs = runs[:limit]
    if not runs:
        return dg.SensorResult(skip_reason="no export was requested")
    return with_partitions(runs)
