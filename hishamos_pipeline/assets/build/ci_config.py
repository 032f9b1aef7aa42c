"""Continuous integration, container and hooks of the generated project."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_materialization, unplanned_or_missing
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.core.documents import FileSet
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.generation.steps import write_files


@project_asset(kinds={"yaml", "docker"})
async def ci_config(run: ProjectRun) -> dg.MaterializeResult[Any]:
    """GitHub Actions and GitLab CI from one list of commands, Dockerfile and pre-commit hooks."""
    made = await run.make("ci_config", lambda: write_files(run, "ci"))
    return file_materialization(run, made, important="ci.yml")


@project_check(kind="ci_config", fix="Make the missing file, or plan the additional one.")
def ci_is_as_planned(run: ProjectRun) -> list[str]:
    """Every planned CI file exists, and nothing unplanned does."""
    return unplanned_or_missing(run, run.read("ci_config", FileSet), "ci")
