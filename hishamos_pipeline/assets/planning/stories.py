"""The backlog."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown
from hishamos_pipeline.core.artifacts import traceability
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.generation.producers.files import nothing_to_build
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"pydantic"})
def stories(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """Epics and user stories with Given/When/Then criteria, points, priorities and dependencies."""
    backlog = made.document
    return materialization(
        made,
        preview="\n".join(
            f"- **{story.id}** {shown(story.title)}"
            + (f" ({story.status}: {shown(story.reason)})" if story.status != "planned" else "")
            for story in backlog.stories
        ),
        figures={
            "items": len(backlog.stories),
            "planned": len(backlog.planned),
            "deferred": len(backlog.deferred),
            "waiting": len(backlog.waiting),
            "criteria": sum(len(story.criteria) for story in backlog.stories),
            "points": sum(story.points for story in backlog.planned),
        },
        tables={
            "backlog": (
                ("story", "title", "points", "priority", "status", "reason"),
                [(s.id, s.title, s.points, s.priority, s.status, s.reason) for s in backlog.stories],
            )
        },
    )


@project_check(
    artifact="stories",
    fix="Add stories about records, such as `User can add a note`; see docs/briefs.md.",
)
def something_can_be_built(project: Project) -> list[str]:
    """At least one story can be implemented."""
    backlog = project.read("stories", Stories)
    return [] if backlog.planned else [nothing_to_build(backlog)]


@project_check(artifact="stories", fix="Add the missing story or criterion, or correct the requirement's id.")
def stories_cover_requirements(project: Project) -> list[str]:
    """Every functional requirement has a story, every story an existing requirement and criteria."""
    wanted, backlog = project.read("requirements", Requirements), project.read("stories", Stories)
    uncovered = traceability.requirements_without_story(wanted, backlog)
    unknown = traceability.unknown_requirements(wanted, backlog)
    bare = traceability.stories_without_criteria(backlog)
    return [
        *(f"{name}: no story serves it" for name in uncovered),
        *(f"{name}: names an unknown requirement" for name in unknown),
        *(f"{name}: has no criterion" for name in bare),
    ]


@project_check(
    artifact="stories",
    fix="They wait in the backlog for an engine with a language model.",
    severity=dg.AssetCheckSeverity.WARN,
)
def no_story_is_deferred(project: Project) -> list[str]:
    """Every story can be implemented by the engine in use."""
    return [f"{story.id}: {story.reason}" for story in project.read("stories", Stories).deferred]
