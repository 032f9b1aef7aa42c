"""What the scheduled cleanup removed."""

import dagster as dg

from hishamos_pipeline.assets.declare import failures
from hishamos_pipeline.assets.metadata import shown_table
from hishamos_pipeline.operations.cleanup.cleaning import clean
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.resources.run_history import DagsterRuns

_COLUMNS = ("kind", "removed", "bytes", "for example", "could not be removed")


@dg.asset(
    group_name="operations",
    owners=["team:operations"],
    kinds={"python"},
    check_specs=[dg.AssetCheckSpec("everything_could_be_removed", asset="cleanup_report")],
)
def cleanup_report(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What was removed because the settings keep it no longer: how many of each kind, and how many bytes."""
    with failures():
        swept = clean(pipeline.services, DagsterRuns(context.instance))
    rows = [
        (kind, str(done.count), str(done.bytes), ", ".join(done.names[:3]), "; ".join(done.failed[:3]))
        for kind, done in swept.items()
    ]
    failed = [f"{kind}: {text}" for kind, done in swept.items() for text in done.failed]
    for text in failed:
        context.log.warning(text)
    return dg.MaterializeResult(
        metadata={
            "removed": sum(done.count for done in swept.values()),
            "bytes": sum(done.bytes for done in swept.values()),
            "failed": len(failed),
            "report": shown_table(_COLUMNS, rows),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="everything_could_be_removed",
                passed=not failed,
                severity=dg.AssetCheckSeverity.WARN,
                description=failed[0] if failed else "No findings.",
            )
        ],
    )
