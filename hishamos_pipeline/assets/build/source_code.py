"""The implementation."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_materialization, unplanned_or_missing
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.core.artifacts.documents import FileSet
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"python"})
def source_code(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """The source files of the package, each tied to the stories that it serves."""
    return file_materialization(project, made, important="cli/main.py")


@project_check(artifact="source_code", fix="Make the missing file, or plan the additional one.")
def source_is_as_planned(project: Project) -> list[str]:
    """Every planned source file exists, and nothing unplanned does."""
    return unplanned_or_missing(project, project.read("source_code", FileSet), "source")


@project_check(artifact="source_code", fix="Correct the syntax; nothing downstream can use this file.")
def source_parses(project: Project) -> list[str]:
    """Every Python file compiles."""
    files = [f for f in project.read("source_code", FileSet).files if f.path.endswith(".py")]
    texts = project.blobs(file.sha256 for file in files)
    problems = []
    for file in files:
        try:
            compile(texts[file.sha256], file.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            problems.append(f"{file.path}: {error}")
    return problems
