"""The documents of the generated project."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_materialization, unplanned_or_missing
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.core.artifacts.documents import FileSet, Stories
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"markdown"})
def documentation(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """README, usage guide, API reference, architecture notes, changelog and licence."""
    return file_materialization(project, made, important="README.md")


@project_check(artifact="documentation", fix="Make the missing document, or plan the additional one.")
def documents_are_as_planned(project: Project) -> list[str]:
    """Every planned document exists, and nothing unplanned does."""
    return unplanned_or_missing(project, project.read("documentation", FileSet), "docs")


@project_check(
    artifact="documentation", fix="Name the story in the README, under what is done or what is not."
)
def readme_names_every_story(project: Project) -> list[str]:
    """The README names every story: those that are done, and those that are not."""
    files = {file.path: file for file in project.read("documentation", FileSet).files}
    readme = files.get("README.md")
    if readme is None:
        return ["README.md: missing"]
    text = project.blobs([readme.sha256])[readme.sha256]
    return [
        f"{story.id}: not named" for story in project.read("stories", Stories).stories if story.id not in text
    ]
