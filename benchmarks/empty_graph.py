"""The same graph with empty bodies, or with bodies that sleep: what the engine alone costs."""

import asyncio
import sys
import time
from typing import Any

import dagster as dg

from hishamos_pipeline.core.pipeline.graph import STEPS, topological
from hishamos_pipeline.partitions import projects
from hishamos_pipeline.resources.executor import executor


def critical_path() -> int:
    """The number of assets on the longest path."""
    depth: dict[str, int] = {}
    for kind in topological():
        depth[kind] = 1 + max((depth[name] for name in STEPS[kind].inputs), default=0)
    return max(depth.values())


def _asset(kind: str, pause: float) -> dg.AssetsDefinition:
    @dg.asset(name=kind, deps=[dg.AssetKey(name) for name in STEPS[kind].inputs], partitions_def=projects)
    async def body() -> dg.MaterializeResult[Any]:
        await asyncio.sleep(pause)
        return dg.MaterializeResult(metadata={"items": 1})

    return body


def make_job(pause: float) -> dg.JobDefinition:
    """The job over the empty graph."""
    definitions = dg.Definitions(
        assets=[_asset(kind, pause) for kind in STEPS],
        jobs=[dg.define_asset_job("empty", selection="*")],
        executor=executor,
    )
    return definitions.resolve_job_def("empty")


def main(pause: float) -> None:
    """Run it once and print the seconds that the run itself took."""
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("projects", ["empty"])
        job = dg.build_reconstructable_job(
            "benchmarks.empty_graph", "make_job", reconstructable_kwargs={"pause": pause}
        )
        started = time.perf_counter()
        with dg.execute_job(
            job,
            instance,
            tags={"dagster/partition": "empty"},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        ) as result:
            assert result.success
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main(float(sys.argv[1]))
