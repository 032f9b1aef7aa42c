"""Whether a sensor has asked for a run before."""

import dagster as dg


def was_requested(context: dg.SensorEvaluationContext, request: dg.RunRequest) -> bool:
    """Whether a run with that key exists; one that was cancelled in the queue is not asked for again."""
    filters = dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)})
    return bool(context.instance.get_run_ids(filters, limit=1))
