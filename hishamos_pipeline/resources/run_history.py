"""Dagster's runs, as a cleanup and the sensors see them."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus

from hishamos_pipeline.application.builds import EndedRuns, RunDetails, RunLogLine, RunStepView, RunView
from hishamos_pipeline.core.pipeline.graph import EXPORTS, STEPS
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.operations.cleanup.runs import EndedRun
from hishamos_pipeline.partitions import BUILD_PROJECT, PARTITION_TAG, REQUESTED_BY_TAG, SOURCE_TAG, projects
from hishamos_pipeline.resources.dagster_private import SqliteEventLogStorage, get_daemon_statuses

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_UNFINISHED = [status for status in DagsterRunStatus if status not in _ENDED]
# What a job makes of which nothing was selected.
_WHOLE = {BUILD_PROJECT: frozenset(STEPS), "export_project": frozenset(EXPORTS.values())}
_PAGE = 500
_LONGEST_LINE = 2000
_BEAT_SECONDS = 30


class DagsterRuns:
    """Runs and partitions of an instance; see ``operations.cleanup.runs.RunHistory``."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def in_flight(self, project: str) -> bool:
        """Whether a run of a project waits or runs."""
        filters = dg.RunsFilter(statuses=_UNFINISHED, tags={PARTITION_TAG: project})
        return bool(self._instance.get_run_ids(filters, limit=1))

    def of(self, project: str, limit: int, before: str = "") -> list[RunView]:
        """The runs of a project, the newest first; those before one if its id is given."""
        filters = dg.RunsFilter(tags={PARTITION_TAG: project})
        known = before and self._instance.get_run_by_id(before)
        if before and not known:
            return []
        records = self._instance.get_run_records(filters, limit=limit, cursor=before or None)
        return [_view(record) for record in records]

    def details(self, run_id: str, lines: int) -> RunDetails | None:
        """A run with its steps and the last lines of its log; ``None`` if there is none."""
        found = self._instance.get_run_records(dg.RunsFilter(run_ids=[run_id]), limit=1)
        if not found:
            return None
        steps = tuple(
            RunStepView(
                step=step.step_key,
                status=step.status.value.lower() if step.status else "waiting",
                attempts=step.attempts or 0,
                started_at=_time(step.start_time),
                finished_at=_time(step.end_time),
            )
            for step in self._instance.get_run_step_stats(run_id)
        )
        newest = self._instance.get_records_for_run(run_id, limit=lines, ascending=False).records
        log = tuple(
            RunLogLine(
                at=datetime.fromtimestamp(entry.event_log_entry.timestamp, UTC),
                level=logging.getLevelName(entry.event_log_entry.level).lower(),
                step=entry.event_log_entry.step_key or "",
                message=mask(entry.event_log_entry.message)[:_LONGEST_LINE],
            )
            for entry in reversed(newest)
        )
        project = found[0].dagster_run.tags.get(PARTITION_TAG, "")
        return RunDetails(**dict(_view(found[0])), project=project, steps=steps, log=log)

    def cancel(self, project: str) -> EndedRuns:
        """End the runs of a project that wait or run.

        A run at somebody's command line is not the daemon's to end: Ctrl-C does.
        """
        runs = self._instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED, tags={PARTITION_TAG: project}))
        launched = [run.run_id for run in runs if SOURCE_TAG not in run.tags]
        ended = sum(self._instance.run_coordinator.cancel_run(run_id) for run_id in launched)
        return EndedRuns(ended, len(runs) - len(launched))

    def unfinished(self) -> dict[str, int]:
        """How many runs are in each status that is not an end, by its name in lower case."""
        return {
            status.value.lower(): self._instance.get_runs_count(dg.RunsFilter(statuses=[status]))
            for status in _UNFINISHED
        }

    def silent_daemons(self) -> list[str]:
        """Parts of the daemon that should run and have sent no heartbeat for half a minute; all where it is not on."""
        wanted = list(self._instance.get_required_daemon_types())
        found = get_daemon_statuses(
            self._instance, wanted, heartbeat_interval_seconds=_BEAT_SECONDS, ignore_errors=True
        )
        return sorted(kind.lower() for kind, status in found.items() if not status.healthy)

    def ended(self, project: str = "") -> Iterator[EndedRun]:
        """All runs that have ended, or those of one project, the newest first."""
        filters = dg.RunsFilter(statuses=_ENDED, tags={PARTITION_TAG: project} if project else {})
        cursor: str | None = None
        while True:
            page = self._instance.get_run_records(filters, limit=_PAGE, cursor=cursor)
            for record in page:
                run = record.dagster_run
                ended_at = (
                    datetime.fromtimestamp(record.end_time, UTC)
                    if record.end_time
                    else record.update_timestamp
                )
                yield EndedRun(
                    run.run_id,
                    run.tags.get(PARTITION_TAG, ""),
                    assets_of(run),
                    run.status == DagsterRunStatus.SUCCESS,
                    ended_at,
                )
            if len(page) < _PAGE:
                return
            cursor = page[-1].dagster_run.run_id

    def size(self, run_id: str) -> int:
        """Bytes of a run's own database, where it has one."""
        path = self._own_database(run_id)
        return path.stat().st_size if path and path.exists() else 0

    def remove(self, run_id: str) -> None:
        """Remove a run with its events and logs; the run itself last, so that an interruption loses none of them."""
        self._instance.compute_log_manager.delete_logs(prefix=[run_id])
        path = self._own_database(run_id)
        if path is None or path.exists():
            self._instance.event_log_storage.delete_events(run_id)
        if path:  # rows that were deleted would leave it as large as it was
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                name.unlink(missing_ok=True)
        self._instance.run_storage.delete_run(run_id)

    def remove_partition(self, project: str) -> None:
        """Remove a project's partition."""
        self._instance.delete_dynamic_partition(str(projects.name), project)

    def _own_database(self, run_id: str) -> Path | None:
        storage = self._instance.event_log_storage
        return Path(storage.path_for_shard(run_id)) if isinstance(storage, SqliteEventLogStorage) else None


def _view(record: dg.RunRecord) -> RunView:
    run = record.dagster_run
    return RunView(
        id=run.run_id,
        job=run.job_name,
        status=run.status.value.lower(),
        assets=tuple(sorted(assets_of(run))),
        requested_by=run.tags.get(REQUESTED_BY_TAG, ""),
        created_at=record.create_timestamp.astimezone(UTC),
        started_at=_time(record.start_time),
        finished_at=_time(record.end_time),
        ui_path=f"/runs/{run.run_id}",
    )


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def fail_run(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    """Fail a run whose process is gone, and free what it holds."""
    instance.report_run_failed(run, why)
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def assets_of(run: dg.DagsterRun) -> frozenset[str]:
    """The assets that a run makes."""
    if run.asset_selection:
        return frozenset(key.to_user_string() for key in run.asset_selection)
    return _WHOLE.get(run.job_name, frozenset({run.job_name}))
