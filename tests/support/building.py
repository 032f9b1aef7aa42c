"""Building a project step by step, without Dagster."""

from dataclasses import replace
from typing import Any

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.core.pipeline.graph import topological
from hishamos_pipeline.generation.producers.table import PRODUCERS, Producer
from hishamos_pipeline.generation.run import ProjectRun


async def build(run: ProjectRun, until: str = "gitlab_project") -> dict[str, str]:
    """Make every artifact in order, as a run would, and tell which were made and which reused."""
    done = {}
    run.begin()
    for kind in topological():
        made = await run.make(kind)
        done[kind] = "reused" if made.reused else "made"
        if kind == until:
            break
    run.settle()
    return done


def opened_again(
    run: ProjectRun,
    *,
    engine: Engine | None = None,
    producers: dict[str, Producer] | None = None,
    **settings: Any,
) -> ProjectRun:
    """The same project, as another process would open it: with other settings, another engine, other producers."""
    project = replace(run.project, settings=run.project.settings.model_copy(update=settings))
    services = replace(run.services, project=project, engine=engine or run.engine)
    return ProjectRun(services, {**PRODUCERS, **(producers or {})})
