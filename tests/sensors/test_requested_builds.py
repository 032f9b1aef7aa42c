"""The sensor of build requests: what it requests, on a real instance, tick after tick."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.events import RunFailureReason

from hishamos_pipeline.application.builds import EndedRuns
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.partitions import REQUESTED_BY_TAG, SOURCE_TAG
from hishamos_pipeline.resources.run_history import DagsterRuns, assets_of
from hishamos_pipeline.sensors.failed_runs import failed_runs
from hishamos_pipeline.sensors.requested_builds import requested_builds, runs_for
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.builds.records import BuildRequest
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from tests.sensors.ticking import tick
from tests.support.runs import started

ANN = Actor("ann")


def request(key: str, revision: int = 3, number: int = 7) -> BuildRequest:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return BuildRequest(number, key, revision, "requested", "", False, "user:ann", "cli", now, None, None)


def keys(result: dg.SensorResult) -> list[str | None]:
    return [run.partition_key for run in result.run_requests or []]


def test_a_run_key_carries_revision_and_request_and_the_run_who_has_asked() -> None:
    ((_, run),) = runs_for([request("notes")], datetime(2026, 3, 2, tzinfo=UTC))
    assert (run.run_key, run.partition_key) == ("build_project/notes/3/7", "notes")
    assert run.tags[REQUESTED_BY_TAG] == "user:ann"


def test_a_key_that_breaks_the_rule_gets_no_run() -> None:
    assert runs_for([request("../x"), request("A")], datetime(2026, 3, 2, tzinfo=UTC)) == []


def test_submitted_ideas_get_a_partition_and_a_run(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    for key in ("notes", "shop"):
        store.acting_as(ANN).projects.submit(Idea(key=key, title=key), "t")
    result = tick(requested_builds, instance, settings)
    assert sorted(map(str, keys(result))) == ["notes", "shop"]
    (added,) = result.dynamic_partitions_requests or []
    assert sorted(added.partition_keys) == ["notes", "shop"]  # type: ignore[union-attr]
    assert {run.tags[REQUESTED_BY_TAG] for run in result.run_requests or []} == {"user:ann"}


def test_a_tick_that_died_is_made_up_for(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    """The state in the store decides; asking again gives the same run key, which Dagster runs once."""
    store.projects.submit(Idea(key="notes", title="Notes"), "t")
    first, second = (tick(requested_builds, instance, settings) for _ in range(2))
    assert [r.run_key for r in first.run_requests or []] == [r.run_key for r in second.run_requests or []]
    store.projects.set_state("notes", "building")
    done = tick(requested_builds, instance, settings)
    assert keys(done) == [] and "no build was requested" in str(done.skip_reason)


def test_a_changed_idea_and_a_request_get_another_run_each(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    projects = store.projects
    projects.submit(Idea(key="notes", title="Notes"), "t")
    for state in ("building", "exported"):
        projects.set_state("notes", state)
    assert keys(tick(requested_builds, instance, settings)) == []
    projects.submit(Idea(key="notes", title="Notes", vision="more"), "t")
    (run,) = tick(requested_builds, instance, settings).run_requests or []
    assert run.run_key == "build_project/notes/2/2"
    for state in ("building", "exported"):
        projects.set_state("notes", state)
    store.builds.add("notes")
    (run,) = tick(requested_builds, instance, settings).run_requests or []
    assert run.run_key == "build_project/notes/2/3"


def test_a_tick_is_bounded(settings: Settings, store: ProjectStore, instance: dg.DagsterInstance) -> None:
    for number in range(25):
        store.projects.submit(Idea(key=f"idea-{number}", title="x"), "t")
    assert len(keys(tick(requested_builds, instance, settings))) == settings.runs_per_tick == 10


def test_what_was_cancelled_in_the_queue_waits_no_longer(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    store.projects.submit(Idea(key="notes", title="Notes"), "t")
    run = started(instance, "notes", **{"dagster/run_key": "build_project/notes/1/1"})
    instance.report_run_canceled(run)
    assert keys(tick(requested_builds, instance, settings)) == []
    project = store.projects.get("notes")
    assert project.state == "failed" and "cancelled" in project.reason
    assert [r.status for r in store.builds.page(PageQuery(5)).items] == ["cancelled"]


def test_a_request_whose_run_has_failed_waits_no_longer(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    store.projects.submit(Idea(key="notes", title="Notes"), "t")
    ended_at = datetime.now(UTC) - timedelta(minutes=2)
    failed(instance, "build_project/notes/1/1", ended_at)
    assert keys(tick(requested_builds, instance, settings)) == []
    assert [r.status for r in store.builds.page(PageQuery(5)).items] == ["failed"]
    assert "its run ended" in store.projects.get("notes").reason
    store.builds.add("notes")
    assert keys(tick(requested_builds, instance, settings)) == ["notes"]


def test_the_sensor_of_failures_comes_first_since_it_knows_why(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    store.projects.submit(Idea(key="notes", title="Notes"), "t")
    failed(instance, "build_project/notes/1/1", datetime.now(UTC))
    assert keys(tick(requested_builds, instance, settings)) == []
    assert [r.status for r in store.builds.page(PageQuery(5)).items] == ["requested"]
    tick(failed_runs, instance, settings)
    assert [r.status for r in store.builds.page(PageQuery(5)).items] == ["failed"]
    assert "no worker began it" in store.projects.get("notes").reason


def failed(instance: dg.DagsterInstance, run_key: str, ended_at: datetime) -> None:
    """A run of the project notes that has failed before its process began."""
    run = started(instance, "notes", **{"dagster/run_key": run_key})
    ended = dg.DagsterEvent.job_failure(run.job_name, "no worker began it", RunFailureReason.START_TIMEOUT)
    instance.report_dagster_event(ended, run.run_id, timestamp=ended_at.timestamp())


def test_a_whole_build_fulfils_a_request_whatever_has_begun_it(instance: dg.DagsterInstance) -> None:
    every = frozenset(dg.AssetKey(kind) for kind in STEPS)
    for job, selected, whole in (
        ("build_project", None, True), ("export_project", None, False), ("__ASSET_JOB", every, True),
        ("__ASSET_JOB", frozenset({dg.AssetKey("stories")}), False),
    ):  # fmt: skip
        run = dg.DagsterRun(job_name=job, asset_selection=selected)
        assert (assets_of(run) >= STEPS.keys()) is whole, (job, selected)


def test_a_cancelled_build_ends_requests_and_runs(store: ProjectStore, instance: dg.DagsterInstance) -> None:
    store.projects.submit(Idea(key="notes", title="Notes"), "t")
    instance.add_dynamic_partitions("projects", ["notes"])
    ended = []
    history = DagsterRuns(instance)
    run = started(instance, "notes")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            type(instance.run_coordinator), "cancel_run", lambda _, run_id: not ended.append(run_id)
        )
        assert history.cancel("notes") == EndedRuns(1, 0) and history.cancel("other") == EndedRuns(0, 0)
        instance.add_run_tags(run.run_id, {SOURCE_TAG: "command line"})
        assert history.cancel("notes") == EndedRuns(0, 1), "whoever has started it ends it"
    assert ended == [run.run_id]
    assert store.builds.cancel("notes", "cancelled by user:ann") == 1
    assert store.projects.get("notes").reason == "cancelled by user:ann"
