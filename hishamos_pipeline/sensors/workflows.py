"""The sensor that has runs of workflows go on."""

import asyncio

import dagster as dg

from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.resources.run_history import DagsterRuns
from hishamos_pipeline.workflows.waiting import tick
from hishamos_pipeline.workflows.working import StepWorker

# A tick is given a minute in all; steps that take long are not done in it.
_STEPS = 50


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Does short steps of workflows, and looks at what others wait for: times, requests, events, people.",
)
def workflows(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One bounded tick; whatever told of something else at once has nothing left for it."""
    services = pipeline.services
    moved = tick(services, DagsterRuns(context.instance))
    done = asyncio.run(_do(StepWorker(services, "daemon")))
    return dg.SkipReason(f"{moved} runs moved, {done} steps done")


async def _do(worker: StepWorker) -> int:
    done = 0
    while done < _STEPS and await worker.do_next():
        done += 1
    return done
