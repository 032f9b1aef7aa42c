"""The job that exports one project again: its archives, and its publications on Git hosts."""

import dagster as dg

from hishamos_pipeline.core.pipeline.graph import EXPORTS

EXPORT_PROJECT = "export_project"

export_project = dg.define_asset_job(
    EXPORT_PROJECT,
    selection=dg.AssetSelection.assets(*EXPORTS.values()),
    description="Exports one project: what is asked for and not up to date of its archives and publications.",
)
