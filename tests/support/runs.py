"""Runs as Dagster's storage has them."""

import dagster as dg
from dagster._core.storage.dagster_run import DagsterRunStatus


def started(instance: dg.DagsterInstance, key: str, **tags: str) -> dg.DagsterRun:
    return instance.create_run(
        job_name="build_project", run_id=None, run_config={}, status=DagsterRunStatus.STARTED,
        tags={"dagster/partition": key, **tags}, root_run_id=None, parent_run_id=None, step_keys_to_execute=None,
        execution_plan_snapshot=None, job_snapshot=None, parent_job_snapshot=None, asset_selection=None,
        asset_check_selection=None, resolved_op_selection=None, op_selection=None, remote_job_origin=None,
        job_code_origin=None, asset_graph=None,
    )  # fmt: skip
