"""The only place where things are wired."""

import dagster as dg

from hishamos_pipeline import assets
from hishamos_pipeline.jobs.build_project import build_project
from hishamos_pipeline.jobs.cleanup import cleanup, cleanup_schedule
from hishamos_pipeline.jobs.export_project import export_project
from hishamos_pipeline.resources.executor import executor
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.sensors.batches import batches
from hishamos_pipeline.sensors.edited_artifacts import edited_artifacts
from hishamos_pipeline.sensors.failed_runs import failed_runs
from hishamos_pipeline.sensors.labelled_issues import labelled_issues
from hishamos_pipeline.sensors.new_ideas import new_ideas
from hishamos_pipeline.sensors.requested_builds import requested_builds
from hishamos_pipeline.sensors.requested_exports import requested_exports
from hishamos_pipeline.sensors.webhooks import webhooks
from hishamos_pipeline.sensors.workflows import workflows


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions of the code location."""
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(assets),
        asset_checks=dg.load_asset_checks_from_package_module(assets),
        jobs=[build_project, export_project, cleanup],
        schedules=[cleanup_schedule],
        sensors=[
            new_ideas,
            requested_builds,
            edited_artifacts,
            requested_exports,
            failed_runs,
            batches,
            labelled_issues,
            webhooks,
            workflows,
        ],
        resources={"pipeline": Pipeline()},
        executor=executor,
    )
