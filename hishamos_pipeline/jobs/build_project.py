"""The job that builds one project."""

import dagster as dg

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.partitions import BUILD_PROJECT

build_project = dg.define_asset_job(
    BUILD_PROJECT,
    selection=dg.AssetSelection.assets(*STEPS),
    description="Builds one project: from the idea to the repository and its archives.",
)
