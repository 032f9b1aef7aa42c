"""From the backlog to sprints."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import GoalRequest
from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories
from hishamos_pipeline.core.artifacts.sprints import plan_sprints
from hishamos_pipeline.generation.context import StepContext


async def cut_sprints(step: StepContext) -> SprintPlan:
    """Plan the sprints by code, and let the scrum master word their goals.

    Raises:
        PlanningError: a cycle, or a story larger than a sprint.
    """
    stories = step.read("stories", Stories)
    plan = plan_sprints(stories, step.first_day)
    goals = await step.ask(tasks.SPRINT_GOALS, GoalRequest(plan=plan, stories=stories))
    sprints = tuple(
        sprint.model_copy(update={"goal": goal})
        for sprint, goal in zip(plan.sprints, goals.goals, strict=True)
    )
    return plan.model_copy(update={"sprints": sprints})
