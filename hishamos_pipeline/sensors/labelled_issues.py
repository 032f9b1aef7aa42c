"""The sensor that takes in labelled issues of Git hosts, and answers them."""

import time

import dagster as dg

from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.issues import issues_of
from hishamos_pipeline.delivery.hosts.opening import open_host
from hishamos_pipeline.operations.issue_intake import serve
from hishamos_pipeline.resources.pipeline import Pipeline

_PER_TICK = 20
# A tick is given a minute in all; a host that asks for more patience is asked again at the next one.
_SECONDS = 25.0
_ANSWER_SECONDS = 5
_PATIENCE = RetryPolicy(retries=1, longest=3)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in issues with a label as ideas, and answers them; HISHAMOS_INTAKE names their repositories.",
)
def labelled_issues(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SkipReason:
    """One bounded tick over all repositories; one that cannot be read fails the tick after the others were served."""
    opened = pipeline.services
    asked = opened.settings.intake
    if not asked:
        return dg.SkipReason("HISHAMOS_INTAKE names no repository")
    settings = opened.settings.model_copy(
        update={"host_timeout_seconds": min(opened.settings.host_timeout_seconds, _ANSWER_SECONDS)}
    )
    done: list[str] = []
    wrong: list[str] = []
    until = time.monotonic() + _SECONDS
    # Another repository is the first one each minute, so that none waits for ever for a slow one.
    first = int(time.time() // 60) % len(asked)
    for intake in (*asked[first:], *asked[:first]):
        if time.monotonic() >= until:
            break
        try:
            issues = issues_of(open_host(intake.host, settings, opened.key, _PATIENCE), intake.repository)
            served = serve(opened.store, issues, intake, settings, most=_PER_TICK, until=until)
            done += served.done
            wrong += served.wrong
        except Exception as error:  # whatever is wrong with one repository, the others are served
            context.log.exception(intake.repository)
            wrong.append(f"{intake.repository}: {type(error).__name__}: {error}")
    if wrong:
        raise dg.Failure("; ".join(wrong))
    return dg.SkipReason("; ".join(done) or "no issue waits")
