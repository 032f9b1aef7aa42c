"""What the assets that consist of files show of them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from hishamos_pipeline.assets.metadata import materialization
from hishamos_pipeline.core.artifacts.documents import Architecture, FileKind, FileSet, TreeFile
from hishamos_pipeline.core.artifacts.traceability import made_but_unplanned, planned_but_missing
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult

_HEAD_LINES = 25


def file_materialization(
    project: Project, made: StepResult[Any], *, important: str, extra: dict[str, int] | None = None
) -> dg.MaterializeResult[Any]:
    """Figures, the file tree with sizes, and the head of the most important file.

    Args:
        project: the project.
        made: an artifact that is a set of files.
        important: end of the path of the file whose head is shown.
        extra: further figures.
    """
    files: Sequence[TreeFile] = made.document.files
    chosen = next((file for file in files if file.path.endswith(important)), files[0])
    text = project.blobs([chosen.sha256])[chosen.sha256]
    head = "\n".join(text.splitlines()[:_HEAD_LINES])
    return materialization(
        made,
        preview=f"`{chosen.path}`\n\n````\n{head}\n````",
        figures={
            "files": len(files),
            "bytes": sum(file.size for file in files),
            **(extra or {}),
        },
        tables={"file_tree": file_tree(files)},
    )


def file_tree(files: Sequence[TreeFile]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Paths, sizes in bytes and stories as a table."""
    rows: list[tuple[object, ...]] = [
        (file.path, file.size, ", ".join(file.stories)) for file in sorted(files, key=lambda f: f.path)
    ]
    return ("path", "bytes", "stories"), rows


def unplanned_or_missing(project: Project, made: FileSet, kind: FileKind) -> list[str]:
    """Files of a kind that are planned and missing, or there and not planned."""
    plan = project.read("architecture", Architecture)
    of_kind = plan.model_copy(update={"files": tuple(file for file in plan.files if file.kind == kind)})
    return [
        *(f"{path}: planned, but missing" for path in planned_but_missing(of_kind, [made])),
        *(f"{path}: not planned" for path in made_but_unplanned(of_kind, [made])),
    ]
