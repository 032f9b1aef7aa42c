"""The documents of the generated project."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_materialization, unplanned_or_missing
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.core.documents import FileSet, Stories
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.generation.steps import write_files


@project_asset(kinds={"markdown"})
async def documentation(run: ProjectRun) -> dg.MaterializeResult[Any]:
    """README, usage guide, API reference, architecture notes, changelog and licence."""
    made = await run.make("documentation", lambda: write_files(run, "docs"))
    return file_materialization(run, made, important="README.md")


@project_check(kind="documentation", fix="Make the missing document, or plan the additional one.")
def documents_are_as_planned(run: ProjectRun) -> list[str]:
    """Every planned document exists, and nothing unplanned does."""
    return unplanned_or_missing(run, run.read("documentation", FileSet), "docs")


@project_check(kind="documentation", fix="Name the story in the README, under what is done or what is not.")
def readme_names_every_story(run: ProjectRun) -> list[str]:
    """The README names every story: those that are done, and those that are not."""
    files = {file.path: file for file in run.read("documentation", FileSet).files}
    readme = files.get("README.md")
    if readme is None:
        return ["README.md: missing"]
    text = run.store.units.texts([readme.sha256])[readme.sha256]
    return [
        f"{story.id}: not named" for story in run.read("stories", Stories).stories if story.id not in text
    ]
