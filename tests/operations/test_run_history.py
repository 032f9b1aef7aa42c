"""Dagster's memory of runs, and its fake: the same promises."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from hishamos_pipeline.operations.cleanup.runs import EndedRun, RunHistory, outlived
from hishamos_pipeline.resources.run_history import DagsterRuns
from tests.fakes.run_history import FakeRuns

Add = Callable[[str, DagsterRunStatus], str]
NOW = datetime.now(UTC)


def of_dagster(instance: dg.DagsterInstance) -> tuple[RunHistory, Add]:
    @dg.op
    def nothing() -> None:
        """Does nothing."""

    @dg.job
    def build() -> None:
        nothing()

    def add(project: str, status: DagsterRunStatus) -> str:
        instance.add_dynamic_partitions("projects", [project])
        tags = {"dagster/partition": project}
        if status == DagsterRunStatus.SUCCESS:
            return build.execute_in_process(instance=instance, tags=tags).run_id
        run = instance.create_run_for_job(build, tags=tags, status=DagsterRunStatus.STARTED)
        if status == DagsterRunStatus.FAILURE:
            instance.report_run_failed(run)
        return run.run_id

    return DagsterRuns(instance), add


def of_fake(_: dg.DagsterInstance) -> tuple[RunHistory, Add]:
    fake = FakeRuns()

    def add(project: str, status: DagsterRunStatus) -> str:
        name = f"run-{len(fake.runs)}"
        fake.partitions.add(project)
        if status == DagsterRunStatus.STARTED:
            fake.working.add(project)
        else:
            ended_at = NOW + timedelta(seconds=len(fake.runs))
            fake.runs.append(
                EndedRun(name, project, frozenset({"build"}), status == DagsterRunStatus.SUCCESS, ended_at)
            )
        return name

    return fake, add


@pytest.mark.parametrize("make", [of_dagster, of_fake])
def test_runs_are_listed_and_removed(instance: dg.DagsterInstance, make) -> None:
    history, add = make(instance)
    first, second = add("a", DagsterRunStatus.SUCCESS), add("a", DagsterRunStatus.FAILURE)
    other = add("b", DagsterRunStatus.SUCCESS)
    add("c", DagsterRunStatus.STARTED)
    assert [run.run_id for run in history.ended()] == [other, second, first]
    assert [(run.project, run.succeeded) for run in history.ended("a")] == [("a", False), ("a", True)]
    assert abs(next(iter(history.ended("a"))).ended_at - NOW) < timedelta(hours=2)
    assert [history.in_flight(key) for key in "abcd"] == [False, False, True, False]
    history.remove(first)
    history.remove(first)  # as after an interruption
    assert [run.run_id for run in history.ended()] == [other, second]
    assert history.size(first) == 0
    history.remove_partition("a")
    history.remove_partition("a")


def test_nothing_of_a_removed_run_is_left(instance: dg.DagsterInstance) -> None:
    history, add = of_dagster(instance)
    run = add("a", DagsterRunStatus.SUCCESS)
    success = dg.DagsterEventType.RUN_SUCCESS
    assert instance.all_logs(run) and instance.fetch_run_status_changes(success, limit=5).records
    history.remove(run)
    assert instance.get_run_by_id(run) is None and history.size(run) == 0
    assert instance.fetch_run_status_changes(success, limit=5).records == []
    history.remove_partition("a")
    assert instance.get_dynamic_partitions("projects") == []


def test_the_last_run_that_made_an_asset_stays() -> None:
    def run(name: str, project: str, assets: str, succeeded: bool, days: int) -> EndedRun:
        return EndedRun(name, project, frozenset(assets.split()), succeeded, NOW - timedelta(days=days))

    ended = [
        run("young-failure", "a", "idea stories", False, 1),
        run("old-failure", "a", "idea stories", False, 40),
        run("export-again", "a", "zip", True, 45),
        run("last-part", "a", "stories", True, 48),
        run("last-build", "a", "idea stories", True, 50),
        run("older-part", "a", "idea", True, 55),
        run("older-export", "a", "zip", True, 60),
        run("tar", "a", "tar zip", True, 70),
        run("other", "b", "idea", True, 80),
    ]
    gone = [item.run_id for item in outlived(ended, NOW - timedelta(days=30))]
    assert gone == ["old-failure", "older-part", "older-export"]


@pytest.mark.parametrize("make", [of_dagster, of_fake])
def test_runs_of_a_project_are_shown(instance: dg.DagsterInstance, make) -> None:
    history, add = make(instance)
    first, second = add("a", DagsterRunStatus.SUCCESS), add("a", DagsterRunStatus.FAILURE)
    add("b", DagsterRunStatus.SUCCESS)
    assert [(run.id, run.status) for run in history.of("a", 5)] == [(second, "failure"), (first, "success")]
    assert [run.id for run in history.of("a", 1)] == [second]
    assert [run.id for run in history.of("a", 5, second)] == [first]
    shown = history.details(first, 3)
    assert shown.project == "a" and shown.ui_path == f"/runs/{first}" and shown.finished_at
    assert history.details("nowhere", 3) is None


def test_a_run_has_steps_and_the_end_of_its_log(instance: dg.DagsterInstance) -> None:
    history, add = of_dagster(instance)
    shown = history.details(add("a", DagsterRunStatus.SUCCESS), 3)  # type: ignore[attr-defined]
    assert [(step.step, step.status, step.attempts) for step in shown.steps] == [("nothing", "success", 1)]
    assert len(shown.log) == 3 and shown.log[0].at <= shown.log[-1].at
    assert "RUN_SUCCESS" in shown.log[-1].message or "Finished" in shown.log[-1].message
