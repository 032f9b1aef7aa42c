"""From the brief to requirements."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.core.artifacts.documents import Requirements
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.generation.context import StepContext


async def analyse(step: StepContext) -> Requirements:
    """Have the business analyst read the brief."""
    idea = step.read("idea", Idea)
    return with_brief(await step.ask(tasks.REQUIREMENTS, idea), idea)


def with_brief(made: Requirements, idea: Idea) -> Requirements:
    """The requirements with the brief that they were read from."""
    said = (idea.stack_reason,) if idea.stack_reason and made.stack == idea.stack else ()
    return made.model_copy(
        update={
            "program": idea.program,
            "brief": idea.whole,
            "files": idea.files,
            "required_stories": idea.required_stories,
            "assumptions": (*made.assumptions, *said),
        }
    )
