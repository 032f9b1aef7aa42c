"""The executor of all jobs, named here and nowhere else.

``async_executor`` runs independent assets at the same time in one process. It follows Dagster's internals,
so Dagster is pinned; ``dagster.in_process_executor`` is the way back.
"""

from dagster_async_executor import async_executor  # type: ignore[import-untyped]

executor = async_executor
