"""Runs a job of one project in this process, event by event."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dagster import DagsterEventType

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.partitions import (
    BUILD_PROJECT,
    MAX_RETRIES_TAG,
    PARTITION_TAG,
    REQUESTED_BY_TAG,
    SOURCE_TAG,
    add_partition,
)
from hishamos_pipeline.resources.dagster_private import RunFailureReason, execute_run_iterator
from hishamos_pipeline.resources.run_history import fail_run

Status = Literal["started", "made", "up to date", "not asked for", "failed", "skipped", "check_failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened to an asset; ``detail`` says why it failed."""

    kind: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The end of the run."""

    run_id: str
    succeeded: bool


_INTERRUPTED = RunFailureReason.UNEXPECTED_TERMINATION
_STATUS: dict[DagsterEventType, Status] = {
    DagsterEventType.STEP_START: "started",
    DagsterEventType.STEP_FAILURE: "failed",
    DagsterEventType.STEP_SKIPPED: "skipped",
    DagsterEventType.ASSET_MATERIALIZATION: "made",
}


def load_job_definition(name: str = BUILD_PROJECT) -> dg.JobDefinition:
    """A job, for Dagster's executor to load again by name."""
    from hishamos_pipeline.definitions import defs

    return defs().resolve_job_def(name)


def run_job(
    key: str, kinds: Sequence[str], job_name: str = BUILD_PROJECT, requested_by: str = ""
) -> Iterator[Progress | RunEnded]:
    """Materialize assets of one project with their checks.

    Args:
        key: the project, whose partition is added if need be.
        kinds: the assets to materialize.
        job_name: the job that they belong to.
        requested_by: the label of whoever wants it.

    Raises:
        ProjectKeyError: the key breaks the slug rule.
        KeyboardInterrupt: the build was interrupted; its steps and what they had started have ended.
    """
    # What fails is in the events; when steps are cancelled, asyncio complains of Dagster's generators besides.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with dg.DagsterInstance.get() as instance:
        add_partition(instance, key)
        job = dg.build_reconstructable_job(__name__, "load_job_definition", (job_name,))
        definition = load_job_definition(job_name)
        run = instance.create_run_for_job(
            definition,
            # The daemon cannot try again what was started here.
            tags={
                PARTITION_TAG: key,
                SOURCE_TAG: "command line",
                REQUESTED_BY_TAG: requested_by,
                MAX_RETRIES_TAG: "0",
            },
            # The caller shows the progress; Dagster's own log of it goes to the event log alone.
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            asset_selection=frozenset(dg.AssetKey(artifact) for artifact in kinds),
        )
        _end_dead_runs(instance, key, run.run_id)
        succeeded = False
        for event in execute_run_iterator(job, run, instance):
            if event.event_type == DagsterEventType.RUN_SUCCESS:
                succeeded = True
            if event.is_job_failure and event.job_failure_data.failure_reason == _INTERRUPTED:
                raise KeyboardInterrupt
            progress = _progress(event)
            if progress:
                yield progress
        yield RunEnded(run.run_id, succeeded)


def _end_dead_runs(instance: dg.DagsterInstance, key: str, alive: str) -> None:
    """Fail earlier runs of the command line that were killed; they would hold back the daemon's.

    The caller holds the project's build lock, so that none of them can still be running.
    """
    unfinished = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    tags = {PARTITION_TAG: key, SOURCE_TAG: "command line"}
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished, tags=tags)):
        if run.run_id != alive:
            fail_run(instance, run, "the process that ran it was killed")


def _progress(event: dg.DagsterEvent) -> Progress | None:
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed or not evaluation.blocking:
            return None
        return Progress(
            evaluation.asset_key.to_user_string(),
            "check_failed",
            f"{evaluation.check_name}: {evaluation.description or ''}",
        )
    status = _STATUS.get(event.event_type)
    if status is None or event.step_key is None:
        return None
    if event.step_key not in STEPS and status != "failed":
        return None  # a check's own step says less than its evaluation
    detail = ""
    if status == "failed":
        data = event.step_failure_data
        detail = (data.user_failure_data.description if data.user_failure_data else None) or (
            data.error.message.strip() if data.error else ""
        )
    if status == "made":
        status = _how_made(event)
    return Progress(event.step_key, status, detail)


def _how_made(event: dg.DagsterEvent) -> Status:
    """Whether an asset was made at all; its own metadata says so."""
    metadata = event.step_materialization_data.materialization.metadata
    if "asked_for" in metadata and not metadata["asked_for"].value:
        return "not asked for"
    return "up to date" if "reused" in metadata and metadata["reused"].value else "made"
