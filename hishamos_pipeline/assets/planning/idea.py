"""The accepted brief."""

from typing import Any

import dagster as dg
from pydantic import Field

from hishamos_pipeline.application.ideas import submit_for
from hishamos_pipeline.assets.declare import declared, failures, project_check
from hishamos_pipeline.assets.metadata import materialization, shown
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult
from hishamos_pipeline.partitions import project_key
from hishamos_pipeline.resources.pipeline import Pipeline


class Brief(dg.Config):
    """Lets somebody paste a brief into the launchpad instead of submitting it beforehand."""

    brief: str = Field(
        default="", description="A brief in Markdown, YAML, JSON or one line; empty takes the submitted one."
    )


@declared("idea", kinds={"pydantic"}, description=Idea.__doc__)
async def idea(
    context: dg.AssetExecutionContext, config: Brief, pipeline: Pipeline
) -> dg.MaterializeResult[Any]:
    """The accepted brief."""
    with failures():
        run = pipeline.project(project_key(context))
        if config.brief:
            submit_for(run.project, config.brief, "launchpad")
            run.begin()  # by this very run: nothing else needs to start one
        return _shown(await run.make("idea"))


def _shown(made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    brief = made.document
    lines = [f"### {shown(brief.title)}", shown(brief.vision), "", *(f"- {shown(f)}" for f in brief.features)]
    return materialization(
        made,
        preview="\n".join(lines),
        figures={
            "features": len(brief.features),
            "entities": len(brief.entities),
            "constraints": len(brief.constraints),
        },
    )


@project_check(artifact="idea", fix="Add a line such as `User can add a note` to the brief.")
def idea_says_what_to_build(project: Project) -> list[str]:
    """The brief has features, or prose to read them from."""
    brief = project.read("idea", Idea)
    return [] if brief.features or brief.vision else ["the brief has neither features nor a description"]
