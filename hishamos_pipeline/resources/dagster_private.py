"""What is used of Dagster that it does not export: here and nowhere else, each with the reason.

Dagster is pinned. ``tests/resources/test_dagster_private.py`` fails as soon as Dagster exports one of these names: then
it is imported from there.
"""

from dagster._core.events import RunFailureReason
from dagster._core.execution.api import execute_run_iterator
from dagster._core.execution.context.system import PlanExecutionContext
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._daemon.controller import get_daemon_statuses

__all__ = [
    # Types of what Dagster hands to an executor.
    "ExecutionPlan",
    # Its pause between two looks for a slot of a pool is corrected; see ``executor``.
    "InstanceConcurrencyContext",
    "PlanExecutionContext",
    # Why a run has failed decides whether Dagster tries it again.
    "RunFailureReason",
    # Where the file of a run is, which the cleanup removes and a run keeps open.
    "SqliteEventLogStorage",
    # ``execute_job`` gives the events when all is over; whoever waits at a command line wants them as they come.
    "execute_run_iterator",
    # Which parts of the daemon run is shown by the UI alone.
    "get_daemon_statuses",
]
