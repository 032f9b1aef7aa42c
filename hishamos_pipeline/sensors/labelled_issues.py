"""The sensor that takes in labelled issues of Git hosts, and answers them."""

import time

import dagster as dg

from hishamos_pipeline.delivery.hosts.calling import Patience
from hishamos_pipeline.delivery.hosts.issues import issues_of
from hishamos_pipeline.delivery.hosts.opening import open_host
from hishamos_pipeline.errors import CredentialError, HostError
from hishamos_pipeline.operations.issue_intake import serve
from hishamos_pipeline.resources.pipeline import Pipeline

_PER_TICK = 20
# A tick is given a minute in all; a host that asks for more patience is asked again at the next one.
_SECONDS = 30.0
_PATIENCE = Patience(retries=1, longest=3)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in issues with a label as ideas, and answers them; HISHAMOS_INTAKE names their repositories.",
)
def labelled_issues(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One bounded tick over all repositories; one that cannot be read fails the tick after the others were served."""
    opened = pipeline.workshop
    asked = opened.settings.intake
    if not asked:
        return dg.SkipReason("HISHAMOS_INTAKE names no repository")
    done, wrong, until = [], [], time.monotonic() + _SECONDS
    for intake in asked:
        try:
            host = open_host(intake.host, opened.settings, opened.key, _PATIENCE)
            issues = issues_of(host, intake.repository)
            done += serve(opened.store, issues, intake, opened.settings, most=_PER_TICK, until=until)
        except (HostError, CredentialError) as error:
            wrong.append(f"{intake.repository}: {error}")
    if wrong:
        raise dg.Failure("; ".join(wrong))
    return dg.SkipReason("; ".join(done) or "no issue waits")
