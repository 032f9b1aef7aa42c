"""The local Git repository."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown, traceability
from hishamos_pipeline.core.artifacts.documents import VerifiedBuild
from hishamos_pipeline.core.artifacts.tracing import trace
from hishamos_pipeline.delivery.repository import blob_id, open_repository, tree_of
from hishamos_pipeline.generation.artifact_storage import repository_of
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult
from hishamos_pipeline.generation.traces import traced


@project_asset(kinds={"git"})
def repository(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """A Git repository whose history follows the sprints: one commit for each story, then for each change."""
    record = made.document
    return materialization(
        made,
        preview="\n".join(f"- `{c.sha[:8]}` {shown(c.subject)}" for c in record.commits[-25:]),
        figures={"commits": len(record.commits), "files": record.files},
        tables={
            "commits": (
                ("commit", "subject", "story"),
                [(c.sha, c.subject, c.story) for c in record.commits],
            ),
            # Once more, with what only now is known: the commits.
            "traceability": traceability(trace(traced(project))),
        },
        location=project.folder.path(record.path),
    )


@project_check(
    artifact="repository",
    fix="Somebody has committed to the repository, or it is damaged: look at `git log`.",
)
def repository_holds_the_build(project: Project) -> list[str]:
    """The head holds the verified build, file by file; what people have added stays beside it."""
    build = project.read("verified_build", VerifiedBuild)
    texts = project.blobs(file.sha256 for file in build.files)
    expected = {file.path: blob_id(texts[file.sha256].encode()) for file in build.files}
    repo = open_repository(repository_of(project))
    found = {path: blob for path, (_, blob) in tree_of(repo).items()}
    repo.close()
    return [
        f"{path}: differs from the verified build"
        for path in sorted(expected)
        if expected[path] != found.get(path)
    ]
