"""The sensor of failures: dead processes, causes, stuck projects and notifications, on a real instance."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, JobFailureData, RunFailureReason
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster_shared.error import SerializableErrorInfo

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.machine import machine
from hishamos_pipeline.core.pipeline.batch import BATCH_TAG
from hishamos_pipeline.sensors.failed_runs import artifact_of, failed_runs, failure_of, read_cursor
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.fakes.clock import FixedClock
from tests.sensors.ticking import tick
from tests.support.runs import started


@pytest.fixture
def clock() -> FixedClock:
    """The store's clock shows the same time as the sensor's."""
    return FixedClock(datetime.now(UTC))


def submit(store: ProjectStore, key: str, state: str = "building") -> None:
    store.projects.submit(Idea(key=key, title=key), "test")
    store.projects.set_state(key, state)


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    error = SerializableErrorInfo(why, [], "RunFailure")
    instance.report_run_failed(run, job_failure_data=JobFailureData(error, RunFailureReason.RUN_EXCEPTION))


def test_a_failed_run_is_written_down_and_told_once(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    fail(instance, started(instance, "notes"), "the disk is full")
    first = tick(failed_runs, instance, settings)
    project = store.projects.get("notes")
    assert (project.state, project.reason) == ("failed", "the disk is full")
    (notification,) = store.notifications.newest(10)
    assert (notification.status, notification.project, notification.reason) == (
        "sent",
        "notes",
        "the disk is full",
    )
    store.projects.set_state("notes", "building")
    tick(failed_runs, instance, settings, first.cursor)
    tick(failed_runs, instance, settings, None)  # a cursor that was lost
    assert len(store.notifications.newest(10)) == 1


def test_a_run_that_is_tried_again_is_no_failure_yet(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    run = started(instance, "notes")
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    fail(instance, run, "crashed")
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    tick(failed_runs, instance, settings)
    assert store.projects.get("notes").state == "building" and store.notifications.newest(1) == []


def test_another_run_and_a_newer_brief_keep_their_projects(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    for key in ("goes-on", "new-brief"):
        submit(store, key)
    fail(instance, started(instance, "goes-on"), "old")
    started(instance, "goes-on")
    store.projects.submit(Idea(key="new-brief", title="x", vision="more"), "test")
    fail(instance, started(instance, "new-brief", **{"dagster/run_key": "build_project/new-brief/1"}), "old")
    tick(failed_runs, instance, settings)
    assert store.projects.get("goes-on").state == "building"
    assert store.projects.get("new-brief").state == "submitted"
    fail(instance, started(instance, "new-brief", **{"dagster/run_key": "build_project/new-brief/2"}), "new")
    tick(failed_runs, instance, settings)
    assert store.projects.get("new-brief").reason == "new"


def test_a_run_that_failed_ends_its_request_whatever_else_is_under_way(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    store.projects.submit(Idea(key="notes", title="x"), "test")
    (request,) = store.builds.page(PageQuery(1)).items
    started(instance, "notes", **{"dagster/run_key": "export_project/notes/1"})
    fail(
        instance,
        started(instance, "notes", **{"dagster/run_key": f"build_project/notes/1/{request.id}"}),
        "no",
    )
    tick(failed_runs, instance, settings)
    assert [r.status for r in store.builds.page(PageQuery(5)).items] == ["failed"]


def test_a_process_that_was_killed_ends_its_run(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    """At once on this machine; by its silence on another one, whatever the clock says."""
    for key in ("here", "elsewhere"):
        submit(store, key)
    here, elsewhere = started(instance, "here"), started(instance, "elsewhere")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    store.heartbeats.beat(here.run_id, "here", f"{machine()}:{process.pid}")
    store.heartbeats.beat(elsewhere.run_id, "elsewhere", "node-7:4711")
    result = tick(failed_runs, instance, settings)
    assert store.projects.get("here").state == "building"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    for _ in range(settings.silent_looks - 1):
        result = tick(failed_runs, instance, settings, result.cursor)
    assert "has sent no heartbeat" in store.projects.get("here").reason
    assert store.projects.get("elsewhere").state == "building"
    tick(failed_runs, instance, settings, result.cursor)
    assert "node-7:4711" in store.projects.get("elsewhere").reason
    ended = [instance.get_run_by_id(run.run_id) for run in (here, elsewhere)]
    assert [run and run.status for run in ended] == [DagsterRunStatus.FAILURE] * 2
    assert store.heartbeats.all() == []


def test_a_heart_that_beats_lives_for_ever(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    run, cursor = started(instance, "notes"), None
    for _ in range(3 * settings.silent_looks):
        store.heartbeats.beat(run.run_id, "notes", "node-7:1")
        cursor = tick(failed_runs, instance, settings, cursor).cursor
    assert store.projects.get("notes").state == "building"


def test_a_project_that_nobody_builds_any_more_is_told(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    clock = FixedClock(datetime.now(UTC) - timedelta(minutes=6))
    earlier = open_store(settings.store_url, clock)
    for key in ("deserted", "waits"):
        submit(earlier, key)
    clock.advance(timedelta(minutes=4))
    submit(earlier, "fresh")
    started(instance, "waits")
    tick(failed_runs, instance, settings)
    states = {project.key: project.state for project in earlier.projects.all()}
    assert states == {"deserted": "failed", "waits": "building", "fresh": "building"}
    assert "no active run" in earlier.projects.get("deserted").reason
    earlier.engine.dispose()


@pytest.mark.slow
def test_many_failures_are_taken_in_page_by_page(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    total = 120
    for number in range(total):
        run = started(instance, f"p{number}")
        instance.report_dagster_event(
            DagsterEvent(DagsterEventType.RUN_FAILURE.value, "build_project", message=f"why {number}"),
            run.run_id,
        )
    cursor = None
    for _ in range(total // 50 + 1):
        cursor = tick(failed_runs, instance, settings, cursor).cursor
    assert {notification.reason for notification in store.notifications.newest(2 * total)} == {
        f"why {n}" for n in range(total)
    }


def test_a_run_whose_process_ended_between_its_heart_and_its_end_lets_go_of_its_project(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    """Nothing else does: Celery's backend says for ever that the task of a dead worker has started."""
    submit(store, "notes", "exported")
    run, other = started(instance, "notes"), started(instance, "lives")
    cursor = None
    for _ in range(settings.silent_looks):
        store.heartbeats.beat(other.run_id, "lives", "elsewhere:1")
        cursor = tick(failed_runs, instance, settings, cursor).cursor
    assert not instance.get_run_by_id(run.run_id).is_finished, "it may be about to begin, or to end"
    store.heartbeats.beat(other.run_id, "lives", "elsewhere:1")
    tick(failed_runs, instance, settings, cursor)
    assert instance.get_run_by_id(run.run_id).status == DagsterRunStatus.FAILURE
    assert not instance.get_run_by_id(other.run_id).is_finished
    assert store.projects.get("notes").state == "exported"


def test_a_failure_without_words_is_told_by_what_dagster_said_before(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    run = started(instance, "notes")
    instance.add_run_tags(run.run_id, {"dagster/max_retries": "0"})
    instance.report_engine_event("the code server is away", run)
    instance.report_run_failed(run)
    tick(failed_runs, instance, settings)
    assert store.projects.get("notes").reason == "the code server is away"


def test_the_reason_of_the_project_is_told_rather_than_that_a_check_failed(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    store.projects.set_state(
        "notes", "blocked", step="stories", reason="none of the stories can be implemented"
    )
    fail(instance, started(instance, "notes"), "1 blocking asset check failed")
    fail(instance, started(instance, "notes", **{BATCH_TAG: "f"}), "of a batch, whose end is told")
    tick(failed_runs, instance, settings)
    assert [notification.reason for notification in store.notifications.newest(5)] == [
        "none of the stories can be implemented"
    ]


def test_what_was_seen_to_fail_at_a_command_line_is_not_told(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    fail(instance, started(instance, "notes", **{"hishamos/source": "command line"}), "killed")
    tick(failed_runs, instance, settings)
    assert store.projects.get("notes").state == "failed" and store.notifications.newest(5) == []


def test_what_failed_long_ago_is_never_told(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, later = started(instance, "old"), started(instance, "new")
    then = datetime.now(UTC).timestamp() - 5 * 86400
    with monkeypatch.context() as patched:
        patched.setattr("time.time", lambda: then)
        instance.report_run_failed(run)
    first = tick(failed_runs, instance, settings)
    second = tick(failed_runs, instance, settings, first.cursor)
    assert store.notifications.newest(5) == []
    fail(instance, later, "just now")
    tick(failed_runs, instance, settings, second.cursor)
    assert [notification.project for notification in store.notifications.newest(5)] == ["new"]


def test_a_failed_check_and_a_nul_do_not_stop_the_sensor(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    assert artifact_of("github_repository_github_has_no_foreign_commits") == "github_repository"
    fail(instance, started(instance, "notes"), "a NUL \0 in it")
    tick(failed_runs, instance, settings)
    assert store.projects.get("notes").reason == "a NUL in it"


def test_a_run_of_an_unknown_revision_leaves_a_new_brief_alone(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    submit(store, "notes")
    run = started(instance, "notes")
    store.projects.submit(Idea(key="notes", title="Notes", vision="another"), "test")
    fail(instance, run, "old")
    tick(failed_runs, instance, settings)
    assert store.projects.get("notes").state == "submitted" and [
        (r.project, r.revision) for r in store.builds.requested(5)
    ] == [("notes", 2)]


def test_runs_that_are_about_no_project_are_left_alone() -> None:
    for key in ("", "../x", "A"):
        assert failure_of(dg.DagsterRun("j", tags={"dagster/partition": key}), None) is None


def test_a_cursor_that_cannot_be_read_begins_anew() -> None:
    assert read_cursor("{") == read_cursor('{"other": 1}') == read_cursor(None)
