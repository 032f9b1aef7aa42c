"""The sensor of batches on a real instance: backfills that Dagster's daemon can take up, and their runs."""

from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.batch import BACKFILL_TAG
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.resources.backfills import DagsterBackfills
from hishamos_pipeline.sensors.batches import batches
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.batches.repository import BatchLimits
from hishamos_pipeline.store.store import ProjectStore
from tests.sensors.ticking import skipped
from tests.support.runs import started


@pytest.fixture
def backfills(instance: dg.DagsterInstance) -> DagsterBackfills:
    return DagsterBackfills(instance, defs().resolve_asset_graph())


def test_a_batch_becomes_a_backfill_and_its_runs_end_it(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    assert skipped(batches, instance, settings) == "no batch is under way"
    for key in ("a", "b"):
        store.projects.submit(Idea(key=key, title=key), "test")
    store.batches.begin("f", "build", ["a", "b"], canary=0, limits=BatchLimits(slots=1))
    assert "2 launched" in skipped(batches, instance, settings)
    assert "0 ended" in skipped(batches, instance, settings)
    (backfill,) = instance.get_backfills()
    assert backfill.status == BulkActionStatus.REQUESTED
    assert backfill.tags["hishamos/batch"] == "f" and backfill.title == "batch f, build, slot 1"
    assert backfill.asset_selection and len(backfill.asset_selection) == len(STEPS)
    assert set(instance.get_dynamic_partitions("projects")) == {"a", "b"}
    for key in ("a", "b"):
        run = started(instance, key, **{BACKFILL_TAG: backfill.tags[BACKFILL_TAG]})
        instance.report_run_failed(run) if key == "b" else instance.report_run_canceled(run)
    assert skipped(batches, instance, settings) == "batch f has finished: 0 of 2 projects verified"
    states = {m.project: m.state for m in store.batches.members(store.batches.get("f"))}
    assert states == {"a": "cancelled", "b": "failed"}


def test_a_stopped_batch_cancels_its_backfills(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore
) -> None:
    store.projects.submit(Idea(key="a", title="a"), "test")
    store.batches.begin("f", "build", ["a"], canary=1, limits=BatchLimits())
    skipped(batches, instance, settings)
    store.batches.stop("f", "enough")
    skipped(batches, instance, settings)
    skipped(batches, instance, settings)
    (backfill,) = instance.get_backfills()
    assert backfill.status == BulkActionStatus.CANCELING
    instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))  # by the daemon
    assert "stopped (enough)" in skipped(batches, instance, settings)


def test_runs_are_told_apart_by_the_batches_own_tag(
    instance: dg.DagsterInstance, backfills: DagsterBackfills
) -> None:
    """Dagster takes its tag off a run that it tries again while the backfill is being cancelled."""
    run = started(instance, "a", **{BACKFILL_TAG: "x", "dagster/backfill": "x"})
    assert backfills.runs(["x"])["x", "a"].state == "launched"
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    instance.report_run_failed(run)
    found = backfills.runs(["x"])["x", "a"]
    assert (found.state, found.retried) == ("failed", True)
    again = started(instance, "a", **{BACKFILL_TAG: "x"})
    found = backfills.runs(["x", "y"])["x", "a"]
    assert (found.run_id, found.state, found.retried) == (again.run_id, "launched", False)
    assert backfills.runs([]) == {} and backfills.over("never launched")


def test_live_runs_of_a_cancelled_backfill_are_ended_at_once(
    instance: dg.DagsterInstance, backfills: DagsterBackfills, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[str] = []
    monkeypatch.setattr(instance.run_coordinator, "cancel_run", cancelled.append)
    retried = started(instance, "a", **{BACKFILL_TAG: "x"})  # Dagster's own tag is gone
    live = started(instance, "b", **{BACKFILL_TAG: "x", "dagster/backfill": "x"})
    instance.report_run_canceled(started(instance, "c", **{BACKFILL_TAG: "x"}))
    started(instance, "d", **{BACKFILL_TAG: "y"})
    backfills.cancel("x")
    assert set(cancelled) == {retried.run_id, live.run_id}


def test_one_batch_that_cannot_be_moved_holds_up_no_other(
    instance: dg.DagsterInstance, settings: Settings, store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b"):
        store.projects.submit(Idea(key=key, title=key), "test")
        store.batches.begin(f"f{key}", "build", [key], canary=1, limits=BatchLimits())
    launch = DagsterBackfills.launch

    def breaks(self: DagsterBackfills, backfill: str, keys: list[str], *rest: Any) -> None:
        if keys == ["a"]:
            raise OSError("no room")
        launch(self, backfill, keys, *rest)

    monkeypatch.setattr(DagsterBackfills, "launch", breaks)
    with pytest.raises(dg.Failure, match="fa: OSError: no room"):
        skipped(batches, instance, settings)
    assert len(instance.get_backfills()) == 1
