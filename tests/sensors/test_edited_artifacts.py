"""The sensor of edits: each is told to Dagster once, with its data version."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from hishamos_pipeline.core.editing import edits_between
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.generation import editing
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.sensors.edited_artifacts import edited_artifacts
from hishamos_pipeline.settings import Settings
from tests.generation.test_project import build


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as made:
        yield made


def tick(instance: dg.DagsterInstance, settings: Settings, cursor: str | None) -> dg.SensorResult:
    with dg.build_sensor_context(
        instance=instance,
        definitions=defs(),
        cursor=cursor,
        resources={"pipeline": Pipeline(home=str(settings.home))},
    ) as context:
        result = edited_artifacts(context)
    assert isinstance(result, dg.SensorResult)
    return result


async def test_an_edit_is_told_once(
    notes: ProjectRun, settings: Settings, instance: dg.DagsterInstance
) -> None:
    await build(notes, until="stories")
    assert "no new edit" in str(tick(instance, settings, None).skip_reason)
    items = editing.current_items(notes, "stories")
    changed = {**items, "US-001": {**items["US-001"], "title": "Write a note"}}
    row = editing.apply_edits(
        notes, "stories", edits_between("stories", items, changed), author="ann", reason="nicer"
    )
    result = tick(instance, settings, None)
    (event,) = result.asset_events
    assert isinstance(event, dg.AssetMaterialization)
    assert (event.asset_key.to_user_string(), event.partition) == ("stories", "notes")
    assert event.tags == {"dagster/data_version": row.content_hash} and "edited by ann: nicer" in str(
        event.description
    )
    assert tick(instance, settings, result.cursor).asset_events == []
    instance.report_runless_asset_event(event)
    record = instance.get_latest_data_version_record(dg.AssetKey("stories"), partition_key="notes")
    assert record is not None
    assert dg.AssetMaterialization in (type(record.asset_materialization),)
    assert record.asset_materialization.tags["dagster/data_version"] == row.content_hash  # type: ignore[union-attr]
