"""The sensor of edits: each is told to Dagster once, with its data version."""

import dagster as dg

from hishamos_pipeline.changing import editing
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.sensors.edited_artifacts import edited_artifacts
from hishamos_pipeline.settings import Settings
from tests.sensors.ticking import tick
from tests.support.building import build


async def test_an_edit_is_told_once(
    notes: ProjectRun, settings: Settings, instance: dg.DagsterInstance
) -> None:
    await build(notes, until="stories")
    assert "no new edit" in str(tick(edited_artifacts, instance, settings).skip_reason)
    items = editing.current_items(notes.project, "stories")
    changed = {**items, "US-001": {**items["US-001"], "title": "Write a note"}}
    row = editing.apply_edits(
        notes.project, "stories", edits_between("stories", items, changed), author="ann", reason="nicer"
    )
    result = tick(edited_artifacts, instance, settings)
    (event,) = result.asset_events
    assert isinstance(event, dg.AssetMaterialization)
    assert (event.asset_key.to_user_string(), event.partition) == ("stories", "notes")
    assert event.tags == {"dagster/data_version": row.content_hash} and "edited by ann: nicer" in str(
        event.description
    )
    assert tick(edited_artifacts, instance, settings, result.cursor).asset_events == []
    instance.report_runless_asset_event(event)
    record = instance.get_latest_data_version_record(dg.AssetKey("stories"), partition_key="notes")
    assert record is not None
    assert dg.AssetMaterialization in (type(record.asset_materialization),)
    assert record.asset_materialization.tags["dagster/data_version"] == row.content_hash  # type: ignore[union-attr]
