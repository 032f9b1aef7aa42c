"""The sensor of fleets: launches their projects in waves, and stops them when they have to stop."""

import dagster as dg

from hishamos_pipeline.operations.fleet.steering import advance
from hishamos_pipeline.resources.backfills import DagsterBackfills
from hishamos_pipeline.resources.pipeline import Pipeline


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches projects of fleets as backfills, and stops those that fail too often or cost too much.",
)
def fleets(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One step for each fleet that is under way."""
    store = pipeline.services.store
    under_way = store.fleets.under_way()
    if not under_way:
        return dg.SkipReason("no fleet is under way")
    assert context.repository_def is not None
    backfills = DagsterBackfills(context.instance, context.repository_def.asset_graph)
    done, wrong = [], []
    for fleet in under_way:
        try:
            done.append(advance(store, fleet, backfills, pipeline.services.settings.notify))
        except Exception as error:  # whatever is wrong with one, the others move along
            context.log.exception(f"fleet {fleet.name}")
            wrong.append(f"{fleet.name}: {type(error).__name__}: {error}")
    if wrong:
        raise dg.Failure("; ".join(wrong))
    return dg.SkipReason("; ".join(done))
