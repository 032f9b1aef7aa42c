"""The review of the verified code."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown
from hishamos_pipeline.core.artifacts.documents import CodeReview
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult

_LEAST_SCORE = 5.0


@project_asset(kinds={"python"})
def code_review(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """Ten pillars from 0 to 10, and findings: critical, major, minor. An opinion; it blocks nothing."""
    review = made.document
    worst = [f"- **{f.severity}** `{f.path}:{f.line}` {shown(f.problem)}" for f in review.findings[:12]]
    return materialization(
        made,
        preview="\n".join([f"Overall {review.overall} of 10, {review.files} files.", "", *worst]),
        figures={
            "score": review.overall,
            "files": review.files,
            "critical": review.count("critical"),
            "major": review.count("major"),
            "minor": review.count("minor"),
        },
        tables={
            "pillars": (("pillar", "score"), [(item.pillar, item.score) for item in review.scores]),
            "review_findings": (
                ("severity", "pillar", "file", "line", "problem", "fix"),
                [(f.severity, f.pillar, f.path, f.line, f.problem, f.fix) for f in review.findings],
            ),
        },
    )


@project_check(
    artifact="code_review",
    fix="Read the finding; a person decides what to do about it.",
    severity=dg.AssetCheckSeverity.WARN,
)
def review_is_favourable(project: Project) -> list[str]:
    """No critical finding, and no pillar below 5."""
    review = project.read("code_review", CodeReview)
    critical = [f for f in review.findings if f.severity == "critical"]
    return [
        *(f"{f.path}:{f.line}: {f.problem}" for f in critical),
        *(f"{s.pillar}: {s.score:g} of 10" for s in review.scores if s.score < _LEAST_SCORE),
    ]
