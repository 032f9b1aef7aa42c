"""Continuous integration, container and hooks of the generated project."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_materialization, unplanned_or_missing
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.core.artifacts.documents import FileSet
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"yaml", "docker"})
def ci_config(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """GitHub Actions and GitLab CI from one list of commands, Dockerfile and pre-commit hooks."""
    return file_materialization(project, made, important="ci.yml")


@project_check(artifact="ci_config", fix="Make the missing file, or plan the additional one.")
def ci_is_as_planned(project: Project) -> list[str]:
    """Every planned CI file exists, and nothing unplanned does."""
    return unplanned_or_missing(project, project.read("ci_config", FileSet), "ci")
