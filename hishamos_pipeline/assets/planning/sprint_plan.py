"""Stories in sprints."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown
from hishamos_pipeline.core.artifacts import traceability
from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"pydantic"})
def sprint_plan(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """Sprints with goal, capacity and dates; dependencies are respected, deferred stories stay out."""
    cut = made.document
    return materialization(
        made,
        preview="\n".join(
            f"- **Sprint {sprint.number}** {sprint.start} to {sprint.end}: {shown(sprint.goal)}"
            for sprint in cut.sprints
        ),
        figures={
            "items": len(cut.sprints),
            "points": sum(sprint.points for sprint in cut.sprints),
            "backlog": len(cut.backlog),
        },
        tables={
            "sprints": (
                ("sprint", "start", "end", "points", "stories"),
                [(s.number, s.start, s.end, s.points, ", ".join(s.stories)) for s in cut.sprints],
            )
        },
    )


@project_check(artifact="sprint_plan", fix="Plan again; if it stays, report it: the planner is at fault.")
def plan_is_sound(project: Project) -> list[str]:
    """Every story is in one sprint or in the backlog, and no sprint is over its capacity."""
    backlog, plan = project.read("stories", Stories), project.read("sprint_plan", SprintPlan)
    misplaced = traceability.stories_not_in_plan(backlog, plan)
    return [
        *(f"{name}: not in exactly one place" for name in misplaced),
        *(f"{name}: over capacity" for name in traceability.overfull_sprints(plan)),
    ]
