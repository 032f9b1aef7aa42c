"""The partition set: one partition for each project."""

from collections.abc import Sequence

import dagster as dg

from hishamos_pipeline.core.text.ids import check_key

# Tags of our runs: where one was started by hand, and the label of whoever wants it.
SOURCE_TAG = "hishamos/source"
REQUESTED_BY_TAG = "hishamos/requested_by"
# A time: deferred stories of builds from before it are tried again.
RETRY_DEFERRED_TAG = "hishamos/retry_deferred"

# Dagster's own: https://docs.dagster.io/guides/build/jobs/run-tags names them.
PARTITION_TAG = "dagster/partition"
RUN_KEY_TAG = "dagster/run_key"
MAX_RETRIES_TAG = "dagster/max_retries"
RETRY_NUMBER_TAG = "dagster/retry_number"
WILL_RETRY_TAG = "dagster/will_retry"

# The job that builds a whole project.
BUILD_PROJECT = "build_project"

projects = dg.DynamicPartitionsDefinition(name="projects")


def project_key(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str:
    """The partition key of a run, checked: Dagster itself accepts any text.

    Raises:
        ProjectKeyError: the key breaks the slug rule.
    """
    return check_key(context.partition_key)


def with_partitions(runs: Sequence[dg.RunRequest]) -> dg.SensorResult:
    """What a sensor asks for: runs of projects, whose partitions are added before."""
    return dg.SensorResult(
        run_requests=runs,
        dynamic_partitions_requests=[projects.build_add_request([str(run.partition_key) for run in runs])],
    )


def add_partition(instance: dg.DagsterInstance, key: str) -> None:
    """Add a project's partition; adding it again changes nothing.

    Raises:
        ProjectKeyError: the key breaks the slug rule.
    """
    instance.add_dynamic_partitions(str(projects.name), [check_key(key)])
