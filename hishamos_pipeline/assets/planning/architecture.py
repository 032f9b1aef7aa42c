"""How the product is built."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization
from hishamos_pipeline.core.artifacts.documents import Architecture
from hishamos_pipeline.errors import PathError
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult
from hishamos_pipeline.workspace.paths import check_collisions, check_path


@project_asset(kinds={"pydantic", "python"})
def architecture(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """Stack, planned files with purpose and public signatures, data model and decisions."""
    plan = made.document
    decisions = "\n".join(f"- **{item.title}.** {item.reason}" for item in plan.decisions)
    return materialization(
        made,
        preview=f"Package `{plan.package}`, stack `{plan.stack}`\n\n{decisions}",
        figures={
            "items": len(plan.files),
            "entities": len(plan.data_model),
            "signatures": sum(len(file.signatures) for file in plan.files),
        },
        tables={
            "planned_files": (
                ("path", "kind", "purpose"),
                [(file.path, file.kind, file.purpose) for file in plan.files],
            )
        },
    )


@project_check(artifact="architecture", fix="Correct the planned paths.")
def planned_paths_are_safe(project: Project) -> list[str]:
    """Every planned path is relative, portable and unlike every other."""
    plan = project.read("architecture", Architecture)
    problems = []
    for file in plan.files:
        try:
            check_path(
                file.path,
                max_length=project.settings.max_path_length,
                max_depth=project.settings.max_path_depth,
            )
        except PathError as error:
            problems.append(str(error))
    try:
        check_collisions(file.path for file in plan.files)
    except PathError as error:
        problems.append(str(error))
    return problems
