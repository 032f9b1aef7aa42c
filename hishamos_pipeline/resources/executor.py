"""The executor of all jobs, named here and nowhere else.

``async_executor`` runs independent assets at the same time in one process. It follows Dagster's internals,
so Dagster is pinned; ``dagster.in_process_executor`` is the way back.
"""

import gc
from collections.abc import Iterator
from functools import cache

import dagster as dg
from dagster_async_executor import async_executor  # type: ignore[import-untyped]
from dagster_async_executor.executor import AsyncExecutor  # type: ignore[import-untyped]

from hishamos_pipeline.resources.dagster_private import (
    ExecutionPlan,
    InstanceConcurrencyContext,
    PlanExecutionContext,
)
from hishamos_pipeline.resources.sqlite_files import kept_open, wait_less_for_the_disk

# A step that waits for a slot of a pool says "now" when it is asked how long to wait, which this executor takes for
# "until something happens": with nothing else to do, it would wait for ever.
_PAUSE_SECONDS = 1.0
_asked = InstanceConcurrencyContext.interval_to_next_pending_claim_check


def _bounded(context: InstanceConcurrencyContext) -> float:
    return max(_asked(context), _PAUSE_SECONDS) if context.has_pending_claims() else _asked(context)


InstanceConcurrencyContext.interval_to_next_pending_claim_check = _bounded  # type: ignore[assignment, method-assign]
wait_less_for_the_disk()


@cache
def _freeze() -> None:
    """Leave out of garbage collection what is there when the first run of a process begins.

    Those are modules, types and Dagster's definitions, which live as long as the process; looking through them again
    and again takes longer than any other part of it.
    """
    gc.freeze()


class _Interruptible(AsyncExecutor):  # type: ignore[misc]
    """Ends its steps when the run is interrupted or terminated.

    During a run Dagster only remembers an interrupt, for steps to look at; what is awaited would never hear of it.
    """

    def _execution_iterator_wrapper(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        _freeze()
        with (
            dg.raise_execution_interrupts(),
            kept_open(job_context.instance, job_context.run_id),
        ):
            yield from super()._execution_iterator_wrapper(job_context, execution_plan)


@dg.executor(name=async_executor.name, config_schema=async_executor.config_schema)
def executor(context: dg.InitExecutorContext) -> dg.Executor:
    """Independent assets at the same time in one process, until the run is interrupted."""
    plain = async_executor.executor_creation_fn(context)
    return _Interruptible(
        plain.retries,
        max_concurrent=plain._max_concurrent,
        tag_concurrency_limits=plain._tag_concurrency_limits,
        step_dependency_config=plain.step_dependency_config,
    )
