"""The sensor that tells Dagster of edits: a new data version without a run."""

from collections.abc import Iterable

import dagster as dg

from hishamos_pipeline.assets.metadata import DATA_VERSION_TAG
from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.partitions import projects
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.store.artifacts.records import ArtifactRevision

_PER_TICK = 100


def edit_events(edited: Iterable[tuple[str, ArtifactRevision]]) -> list[dg.AssetMaterialization]:
    """A runless materialization for each revision that a person has written."""
    return [
        dg.AssetMaterialization(
            asset_key=row.kind,
            partition=key,
            description=f"edited by {row.author or 'a person'}: {row.reason}",
            metadata={"revision": row.revision, "content_hash": row.content_hash, "origin": row.origin},
            tags={DATA_VERSION_TAG: row.content_hash},
        )
        for key, row in edited
        if KEY_PATTERN.fullmatch(key)
    ]


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports people's edits of artifacts as new data versions: what depends on them shows as stale.",
)
def edited_artifacts(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One bounded tick; the cursor is the last revision that was reported."""
    seen = int(context.cursor or 0)
    edited = pipeline.services.store.artifacts.edited_since(seen, _PER_TICK)
    if not edited:
        return dg.SensorResult(skip_reason="no new edit")
    keys = sorted({key for key, _ in edited if KEY_PATTERN.fullmatch(key)})
    return dg.SensorResult(
        asset_events=edit_events(edited),
        dynamic_partitions_requests=[projects.build_add_request(keys)],
        cursor=str(edited[-1][1].id),
    )
