"""The sensor that takes in new ideas from the inbox."""

from collections.abc import Sequence

import dagster as dg

from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.intake.inbox import InboxResult, take_in
from hishamos_pipeline.resources.pipeline import Pipeline

_INBOX = Actor("", "sensor", EVERY_ORGANIZATION, "inbox")


def skip_reason(taken: Sequence[InboxResult]) -> str:
    """What a tick has done, in words."""
    good = [result.submission.key for result in taken if result.submission]
    bad = [result.path.name for result in taken if result.error]
    done = f"taken in: {', '.join(good)}" if good else "no new idea"
    return f"{done}; set aside: {', '.join(bad)}" if bad else done


@dg.sensor(
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads the inbox; a build of each new or changed idea is requested with it.",
)
def new_ideas(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One bounded tick; what it has accepted is a build request, which another sensor takes up."""
    services = pipeline.services.acting_as(_INBOX)
    taken = take_in(services.settings, services.store.projects)
    for result in taken:
        if result.error:
            context.log.warning(f"inbox: {result.path.name} set aside: {result.error}")
    return dg.SkipReason(skip_reason(taken))
