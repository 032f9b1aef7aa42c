"""The job of the cleanup, as the daemon runs it: the report and its check, on a real instance."""

import os
from pathlib import Path

import dagster as dg

from hishamos_pipeline.definitions import defs
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore


def run_cleanup(instance: dg.DagsterInstance, settings: Settings) -> dg.ExecuteInProcessResult:
    return defs().resolve_job_def("cleanup").execute_in_process(
        instance=instance, resources={"pipeline": Pipeline(home=str(settings.home))}, raise_on_error=False
    )  # fmt: skip


def leave_something(settings: Settings) -> Path:
    left = settings.projects_dir / "notes" / "staging" / "idea"
    left.mkdir(parents=True)
    (left / "draft").write_text("x" * 500)
    os.utime(left, (0, 0))
    return left


def test_the_report_says_what_went(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    left = leave_something(settings)
    result = run_cleanup(instance, settings)
    assert result.success and not left.exists()
    (event,) = result.asset_materializations_for_node("cleanup_report")
    assert (event.metadata["removed"].value, event.metadata["bytes"].value) == (1, 500)
    table = {row.data["kind"]: row.data["removed"] for row in event.metadata["report"].records}  # type: ignore[union-attr]
    assert table["staging"] == "1" and "runs" in table
    (check,) = result.get_asset_check_evaluations()
    assert check.passed


def test_what_could_not_be_removed_is_told(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore, monkeypatch
) -> None:
    leave_something(settings)
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(PermissionError("not yours")))
    result = run_cleanup(instance, settings)
    (check,) = result.get_asset_check_evaluations()
    assert result.success and not check.passed and "not yours" in (check.description or "")


def test_it_runs_every_night() -> None:
    (schedule,) = defs().schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.cron_schedule == "30 3 * * *" and schedule.job_name == "cleanup"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
