"""Submitting ideas, listing them, and answering what their requirements leave open."""

from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.store.projects.repository import Submission


def submit_for(project: Project, brief: str, source: str) -> Submission:
    """Submit a brief for one project, whatever key its title would give.

    Args:
        project: the project.
        brief: the text.
        source: where it comes from, for people.

    Raises:
        IdeaError: the brief cannot be accepted.
    """
    given = project.settings
    idea = read_brief(brief.encode(), max_bytes=given.max_brief_bytes, max_features=given.max_features)
    return project.store.projects.submit(idea.model_copy(update={"key": project.key}), source)
