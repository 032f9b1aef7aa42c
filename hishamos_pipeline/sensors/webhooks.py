"""The sensor that tells webhooks of what has happened."""

import dagster as dg

from hishamos_pipeline.operations.webhooks import tell_webhooks
from hishamos_pipeline.resources.pipeline import Pipeline

_PER_TICK = 100
# A tick is given a minute in all, and one delivery may take ten seconds of it.
_SECONDS = 30.0


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells webhooks of organizations what has happened to projects, and tries again what has not arrived.",
)
def webhooks(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One bounded tick over what is due."""
    opened = pipeline.services
    told = tell_webhooks(opened.store.webhooks, opened.settings, most=_PER_TICK, seconds=_SECONDS)
    return dg.SkipReason(f"{told.made} deliveries made, {told.sent} sent, {told.failed} to be tried again")
