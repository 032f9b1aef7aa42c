"""The sensor of failures: ends runs whose process has died, writes causes to projects, and has people told."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import dagster as dg
from dagster import DagsterEventType
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from hishamos_pipeline.core.pipeline.batch import BATCH_TAG, FLEET_TAG
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.text.untrusted import one_line
from hishamos_pipeline.operations.cleanup.runs import RunHistory
from hishamos_pipeline.operations.heartbeat import Watched, watch
from hishamos_pipeline.operations.notifications import send_due
from hishamos_pipeline.partitions import (
    BUILD_PROJECT,
    PARTITION_TAG,
    RETRY_NUMBER_TAG,
    RUN_KEY_TAG,
    SOURCE_TAG,
    WILL_RETRY_TAG,
)
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.resources.run_history import DagsterRuns, fail_run
from hishamos_pipeline.store.heartbeats.records import Heartbeat
from hishamos_pipeline.store.store import ProjectStore

_PER_TICK = 50
_SEND_SECONDS = 20
# A build that no run makes any more is given up after this; a run that is only being launched takes seconds.
_STUCK = timedelta(minutes=5)
# What failed before anybody looked is told no more.
_FIRST_LOOK = timedelta(days=1)
_DIED = "its process on {} has died, or has sent no heartbeat for too long; build it again to go on"
_ENDED_UNHEARD = "its process ended before it had recorded how the run ended; build it again to go on"
_FROM_OUTSIDE = "This run has been marked as failed from outside"
_WORDLESS = "no active run, and the last one ended without an error; build it again to go on"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the last tick has stopped: in Dagster's log of failures, in watching hearts, and runs without one."""

    failures: str | None = None
    since: float | None = None
    hearts: dict[str, Watched] | None = None
    heartless: dict[str, int] | None = None


_CURSOR = TypeAdapter(Cursor)


@dataclass(frozen=True, slots=True)
class RunFailure:
    """A run that failed for good: its project, the brief's revision and the request it was for if known, where and why.

    One that somebody has started ``by_hand`` at the command line was seen to fail there; a batch notifies of its end.
    """

    run_id: str
    project: str
    revision: int | None
    request: int | None
    step: str
    reason: str
    by_hand: bool = False


def failure_of(
    run: dg.DagsterRun, event: dg.DagsterEvent | None, last_words: Callable[[], str] = lambda: ""
) -> RunFailure | None:
    """What to write down of a failed run; nothing of one that is tried again, or that is not about a project.

    Args:
        run: the run.
        event: its failure.
        last_words: gives what Dagster itself has last said of the run, for failures that say nothing.
    """
    key = run.tags.get(PARTITION_TAG, "")
    if not KEY_PATTERN.fullmatch(key) or run.tags.get(WILL_RETRY_TAG) == "true":
        return None
    step, reason = "", (event.message if event else "") or "the run failed without saying why"
    data = event.job_failure_data if event and event.is_job_failure and event.event_specific_data else None
    first = data.first_step_failure_event if data else None
    if first is not None:
        step = artifact_of(first.step_key or "")
        details = first.step_failure_data
        told = details.user_failure_data.description if details.user_failure_data else None
        reason = told or (details.error.message if details.error else None) or reason
    elif data and data.error:
        reason = data.error.message
    elif reason.startswith(_FROM_OUTSIDE):
        reason = last_words() or reason
    made = re.fullmatch(r"[a-z_]+/[^/]+/(\d+)(?:/(\d+))?", run.tags.get(RUN_KEY_TAG, ""))
    return RunFailure(
        run.run_id,
        key,
        int(made[1]) if made else None,
        int(made[2]) if made and made[2] and run.job_name == BUILD_PROJECT else None,
        step,
        one_line(mask(reason))[:4000],
        by_hand=SOURCE_TAG in run.tags or (_is_of_batch(run) and not _executed_again(run)),
    )


def _is_of_batch(run: dg.DagsterRun) -> bool:
    return BATCH_TAG in run.tags or FLEET_TAG in run.tags


def _executed_again(run: dg.DagsterRun) -> bool:
    """Whether a person has executed a run again; Dagster numbers those that it tries again itself."""
    return run.parent_run_id is not None and RETRY_NUMBER_TAG not in run.tags


def artifact_of(step_key: str) -> str:
    """The artifact that a step makes, or that it checks: a check's step begins with the name of what it judges."""
    return next((kind for kind in STEPS if step_key == kind or step_key.startswith(f"{kind}_")), step_key)


def read_cursor(text: str | None) -> Cursor:
    """The last tick's cursor; an empty one where there is none, or none that this release can read."""
    try:
        return _CURSOR.validate_json(text) if text else Cursor()
    except ValidationError:
        return Cursor()


def end_dead_runs(
    instance: dg.DagsterInstance, store: ProjectStore, stopped: Iterable[Heartbeat]
) -> list[str]:
    """Fail runs whose hearts have stopped and free what they hold; their projects."""
    ended = []
    for heart in stopped:
        run = instance.get_run_by_id(heart.run_id)
        if run and not run.is_finished:
            fail_run(instance, run, _DIED.format(heart.machine))
            ended.append(heart.project)
        store.heartbeats.end(heart.run_id)
    return ended


def heartless_runs(
    instance: dg.DagsterInstance, beating: Collection[str], seen: Mapping[str, int]
) -> dict[str, int]:
    """Runs of projects that go on without a heart, and for how many looks they have.

    A heart begins a moment after its run, and stops a moment before it: a machine that is switched off in between
    leaves a run that nobody ends, and that keeps its project from being built.
    """
    begun = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    return {
        run.run_id: seen.get(run.run_id, 0) + 1
        for run in begun
        if run.run_id not in beating and KEY_PATTERN.fullmatch(run.tags.get(PARTITION_TAG, ""))
    }


def end_heartless_runs(
    instance: dg.DagsterInstance, heartless: Mapping[str, int], most_looks: int
) -> list[str]:
    """Fail runs that have gone on without a heart for too long, and free what they hold; their ids."""
    ended = []
    for run_id, looks in heartless.items():
        run = instance.get_run_by_id(run_id) if looks > most_looks else None
        if run and not run.is_finished:
            fail_run(instance, run, _ENDED_UNHEARD)
            ended.append(run_id)
    return ended


def said_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """What Dagster has last said of a run."""
    found = instance.get_records_for_run(
        run_id, of_type=DagsterEventType.ENGINE_EVENT, limit=1, ascending=False
    )
    for record in found.records:
        event = record.event_log_entry.dagster_event
        error = event.engine_event_data.error if event else None
        return f"{event.message if event else ''} {error.message if error else ''}".strip()
    return ""


def write_down(
    history: RunHistory, store: ProjectStore, failure: RunFailure, channels: Collection[str]
) -> None:
    """Write a cause to its project if that has no other run, and what is to be told; again it changes nothing."""
    if not history.in_flight(failure.project):
        store.projects.fail(failure.project, failure.step, failure.reason, failure.revision)
    if failure.request is not None and failure.revision is not None:
        # Whatever else is under way: this run is gone, and no other is started for its request.
        store.builds.fail(failure.request, failure.revision, failure.reason)
    if failure.by_hand:
        return
    said = store.projects.reason(failure.project)  # a check that has failed says less than what it was about
    store.notifications.add(
        f"run/{failure.run_id}",
        channels,
        event="run.failed",
        project=failure.project,
        run_id=failure.run_id,
        step=failure.step,
        reason=said or failure.reason,
    )


@dg.sensor(
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process has died, writes the causes of failures to their projects, and tells people.",
)
def failed_runs(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One bounded tick."""
    store, settings = pipeline.services.store, pipeline.services.settings
    instance, cursor = context.instance, read_cursor(context.cursor)
    beating = store.heartbeats.all()
    heartless = heartless_runs(instance, {heart.run_id for heart in beating}, cursor.heartless or {})
    for run_id in end_heartless_runs(instance, heartless, settings.silent_looks):
        context.log.error(f"run {run_id} was ended: {_ENDED_UNHEARD}")
    hearts, stopped = watch(beating, cursor.hearts or {}, settings.silent_looks)
    for key in end_dead_runs(instance, store, stopped):
        context.log.error(f"{key}: its run was ended, since its process has died")
    since = cursor.since or (store.clock.now() - _FIRST_LOOK).timestamp()
    page = instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(DagsterEventType.RUN_FAILURE, after_timestamp=since),
        limit=_PER_TICK,
        cursor=cursor.failures,
        ascending=True,
    )
    failures = []
    for record in page.records:
        run = instance.get_run_by_id(record.run_id)
        said = partial(said_of, instance, record.run_id)
        if run and (found := failure_of(run, record.event_log_entry.dagster_event, said)):
            failures.append(found)
    history = DagsterRuns(instance)
    for failure in failures:
        try:
            write_down(history, store, failure, settings.notify)
        except (
            SQLAlchemyError
        ) as error:  # one that cannot be written down must not hide all that come after it
            context.log.error(f"{failure.project}: the failure of run {failure.run_id} was lost: {error}")
    for key in store.projects.keys_in(("building",), store.clock.now() - _STUCK, _PER_TICK):
        if not history.in_flight(key) and store.projects.fail(key, "", _WORDLESS):
            context.log.error(f"{key}: {_WORDLESS}")
    sent = send_due(
        store.notifications, settings, pipeline.services.key, most=_PER_TICK, seconds=_SEND_SECONDS
    )
    after = _CURSOR.dump_json(Cursor(page.cursor, since, hearts, heartless)).decode()
    return dg.SensorResult(
        skip_reason=f"{len(failures)} failed runs, {len(stopped)} dead, {sent} notifications sent",
        cursor=after,
    )
