"""The sensor of batches: launches their projects in waves, and stops them when they have to stop."""

import dagster as dg

from hishamos_pipeline.jobs.build_project import build_project
from hishamos_pipeline.operations.batch.runs import WantedRun
from hishamos_pipeline.operations.batch.steering import advance
from hishamos_pipeline.partitions import with_partitions
from hishamos_pipeline.resources.batch_runs import DagsterBatchRuns
from hishamos_pipeline.resources.pipeline import Pipeline


@dg.sensor(
    job=build_project,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches runs for the projects of batches, and stops batches that fail too often or cost too much.",
)
def batches(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One step for each batch that is under way."""
    store, runs = pipeline.services.store, DagsterBatchRuns(context.instance)
    done, wrong = list[str](), list[str]()
    wanted: list[WantedRun] = []
    for batch in store.batches.under_way():
        try:
            step = advance(store, batch, runs, pipeline.services.settings.notify)
        except Exception as error:  # whatever is wrong with one, the others move along
            context.log.exception(f"batch {batch.name}")
            wrong.append(f"{batch.name}: {type(error).__name__}: {error}")
        else:
            done.append(step.said)
            wanted += step.wanted
    if wanted:
        return with_partitions(
            [
                dg.RunRequest(run_key=run.run_key, partition_key=run.project, tags=dict(run.tags))
                for run in wanted
            ]
        )
    if wrong:
        raise dg.Failure("; ".join(wrong))
    return dg.SensorResult(skip_reason="; ".join(done) or "no batch is under way")
