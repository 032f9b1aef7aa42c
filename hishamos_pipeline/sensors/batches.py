"""The sensor of batches: launches their projects in waves, and stops them when they have to stop."""

import dagster as dg

from hishamos_pipeline.operations.batch.steering import advance
from hishamos_pipeline.resources.backfills import DagsterBackfills
from hishamos_pipeline.resources.pipeline import Pipeline


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches projects of batches as backfills, and stops those that fail too often or cost too much.",
)
def batches(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One step for each batch that is under way."""
    store = pipeline.services.store
    under_way = store.batches.under_way()
    if not under_way:
        return dg.SkipReason("no batch is under way")
    assert context.repository_def is not None
    backfills = DagsterBackfills(context.instance, context.repository_def.asset_graph)
    done, wrong = [], []
    for batch in under_way:
        try:
            done.append(advance(store, batch, backfills, pipeline.services.settings.notify))
        except Exception as error:  # whatever is wrong with one, the others move along
            context.log.exception(f"batch {batch.name}")
            wrong.append(f"{batch.name}: {type(error).__name__}: {error}")
    if wrong:
        raise dg.Failure("; ".join(wrong))
    return dg.SkipReason("; ".join(done))
