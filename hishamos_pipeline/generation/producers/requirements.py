"""From the brief to requirements."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.core.artifacts.documents import Requirements
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.generation.context import StepContext


async def analyse(step: StepContext) -> Requirements:
    """Have the business analyst read the brief."""
    return await step.ask(tasks.REQUIREMENTS, step.read("idea", Idea))
