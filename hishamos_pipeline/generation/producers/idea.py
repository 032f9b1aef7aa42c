"""The accepted brief: the newest one that was submitted, as it is."""

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.generation.context import IdeaContext


async def accept(step: IdeaContext) -> Idea:
    """Accept the newest submitted brief."""
    return step.submitted()
