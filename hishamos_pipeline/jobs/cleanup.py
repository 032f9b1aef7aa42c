"""The job that removes what the settings keep no longer, and its schedule."""

import dagster as dg

from hishamos_pipeline.assets.operations.cleanup_report import cleanup_report

CLEANUP = "cleanup"

cleanup = dg.define_asset_job(
    CLEANUP,
    selection=dg.AssetSelection.assets(cleanup_report),
    description="Removes what the settings keep no longer, of projects, runs, toolchains and the storage.",
)

cleanup_schedule = dg.ScheduleDefinition(
    name="nightly_cleanup",
    job=cleanup,
    cron_schedule="30 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs the cleanup every night at half past three (UTC).",
)
