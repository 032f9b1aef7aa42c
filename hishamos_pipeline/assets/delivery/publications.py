"""The repository on GitHub and GitLab."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown
from hishamos_pipeline.core.artifacts.target import HostKind, Publication
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.generation.context import DeliveryContext
from hishamos_pipeline.generation.producers.publications import host_commits
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult

_LOOK = (
    "Look at the host, and take over what is wanted with `hishamos edit`; changes are proposed from now on."
)


@project_asset(kinds={"github"})
def github_repository(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """The repository on GitHub: created or found again, pushed without force, and set up as the idea asks for."""
    return _materialized(made)


@project_asset(kinds={"gitlab"})
def gitlab_project(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """The repository on GitLab: created or found again, pushed without force, and set up as the idea asks for."""
    return _materialized(made)


@project_check(artifact="github_repository", fix=_LOOK, severity=dg.AssetCheckSeverity.WARN, in_context=True)
def github_has_no_foreign_commits(step: DeliveryContext) -> list[str]:
    """Nobody has committed on GitHub since the last publication."""
    return _foreign(step, "github")


@project_check(artifact="gitlab_project", fix=_LOOK, severity=dg.AssetCheckSeverity.WARN, in_context=True)
def gitlab_has_no_foreign_commits(step: DeliveryContext) -> list[str]:
    """Nobody has committed on GitLab since the last publication."""
    return _foreign(step, "gitlab")


def _foreign(step: DeliveryContext, kind: HostKind) -> list[str]:
    if not step.wants(kind):
        return []
    try:
        return host_commits(step, kind)
    except HishamosError as error:
        return [f"could not check the host: {error}"]


def _materialized(made: StepResult[Publication]) -> dg.MaterializeResult[Any]:
    done = made.document
    if not done.wanted:
        return materialization(
            made,
            preview="Neither the idea nor a request asks for it.",
            figures={"warnings": 0},
            asked_for=False,
        )
    lines = [
        f"{done.done} [{done.full_name}]({done.web_url}) ({done.visibility}), `{done.commit[:8]}` on `{done.branch}`",
        *([f"Proposed: {done.change_url}"] if done.change_url else []),
        *([f"Released: {done.release_url}"] if done.release_url else []),
        *(f"- **warning** {shown(text)}" for text in done.warnings),
    ]
    return materialization(
        made,
        preview="\n\n".join(lines),
        figures={"warnings": len(done.warnings)},
        links={
            "url": done.web_url,
            "clone_url": done.clone_url,
            "proposal": done.change_url,
            "release": done.release_url,
        },
        facts={
            "commit": done.commit,
            "visibility": done.visibility,
            "done": done.done,
            "branch": done.branch,
        },
    )
