"""The sensor of batches on a real instance: the runs that it requests, and what becomes of the batch by their ends."""

import dagster as dg
import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.batch import ATTEMPT_TAG, BATCH_TAG
from hishamos_pipeline.operations.batch import steering
from hishamos_pipeline.resources.batch_runs import DagsterBatchRuns
from hishamos_pipeline.sensors.batches import batches
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.batches.repository import BatchLimits
from hishamos_pipeline.store.store import ProjectStore
from tests.sensors.ticking import tick
from tests.support.runs import started


def skipped(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, settings: Settings) -> str:
    """Why a tick requests no run."""
    result = tick(sensor, instance, settings)
    assert not result.run_requests and isinstance(result.skip_reason, dg.SkipReason)
    return str(result.skip_reason.skip_message)


MINE = {BATCH_TAG: "f", ATTEMPT_TAG: "1"}


def test_projects_of_a_batch_get_runs_and_these_end_it(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    assert skipped(batches, instance, settings) == "no batch is under way"
    for key in ("a", "b"):
        store.projects.submit(Idea(key=key, title=key), "test")
    store.batches.begin("f", "build", ["a", "b"], canary=0, limits=BatchLimits(slots=1))
    first, again = (tick(batches, instance, settings).run_requests or [] for _ in range(2))
    keys = [("batch:f:1:a", "a"), ("batch:f:1:b", "b")]
    assert [(run.run_key, run.partition_key) for run in first] == keys
    assert [run.run_key for run in again] == [run.run_key for run in first], "which Dagster runs once"
    tags = {**MINE, "hishamos/batch_slot": "f/0", "dagster/priority": "-1"}
    assert all(run.tags.items() >= tags.items() for run in first)
    runs = {run.partition_key: started(instance, str(run.partition_key), **run.tags) for run in first}
    assert skipped(batches, instance, settings) == "f: 0 ended, 0 launched"
    instance.report_run_failed(runs["b"])
    instance.report_run_canceled(runs["a"])
    assert skipped(batches, instance, settings) == "batch f has finished: 0 of 2 projects verified"
    states = {m.project: m.state for m in store.batches.members(store.batches.get("f"))}
    assert states == {"a": "cancelled", "b": "failed"}


def test_a_stopped_batch_ends_its_runs(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.projects.submit(Idea(key="a", title="a"), "test")
    store.batches.begin("f", "build", ["a"], canary=1, limits=BatchLimits())
    (wanted,) = tick(batches, instance, settings).run_requests or []
    run = started(instance, "a", **wanted.tags)
    store.batches.stop("f", "enough")
    cancelled: list[str] = []
    monkeypatch.setattr(instance.run_coordinator, "cancel_run", cancelled.append)
    skipped(batches, instance, settings)
    assert cancelled == [run.run_id]
    instance.report_run_canceled(run)
    assert "stopped (enough)" in skipped(batches, instance, settings)


def test_the_last_run_of_a_project_counts(instance: dg.DagsterInstance) -> None:
    runs = DagsterBatchRuns(instance)
    run = started(instance, "a", **MINE)
    assert runs.of("f", 1, ["a"])["a"].state == "launched"
    assert runs.of("f", 2, ["a"]) == {} == runs.of("g", 1, ["a"])
    assert runs.of("f", 1, ["b"]) == {} == runs.of("f", 1, [])
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    instance.report_run_failed(run)
    found = runs.of("f", 1, ["a"])["a"]
    assert (found.state, found.retried) == ("failed", True)
    again = started(instance, "a", **MINE)
    found = runs.of("f", 1, ["a"])["a"]
    assert (found.run_id, found.state, found.retried) == (again.run_id, "launched", False)


def test_live_runs_of_a_batch_are_ended_and_no_others(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[str] = []
    monkeypatch.setattr(instance.run_coordinator, "cancel_run", cancelled.append)
    live = started(instance, "b", **MINE)
    instance.report_run_canceled(started(instance, "c", **MINE))
    started(instance, "d", **{**MINE, BATCH_TAG: "g"})
    started(instance, "e", **{**MINE, ATTEMPT_TAG: "2"})
    DagsterBatchRuns(instance).cancel("f", 1)
    assert cancelled == [live.run_id]


def test_one_batch_that_cannot_be_moved_holds_up_no_other(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b"):
        store.projects.submit(Idea(key=key, title=key), "test")
        store.batches.begin(f"f{key}", "build", [key], canary=1, limits=BatchLimits())
    advance = steering.advance

    def breaks(store: ProjectStore, batch: steering.Batch, *rest: object) -> steering.Advance:
        if batch.name == "fa":
            raise OSError("no room")
        return advance(store, batch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("hishamos_pipeline.sensors.batches.advance", breaks)
    (run,) = tick(batches, instance, settings).run_requests or []
    assert run.partition_key == "b"
    store.batches.stop("fb", "enough")
    started(instance, "b", **run.tags)
    with pytest.raises(dg.Failure, match="fa: OSError: no room"):
        tick(batches, instance, settings)
