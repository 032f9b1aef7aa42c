"""The scrum master's goals of sprints, by rules."""

from collections.abc import Sequence

from hishamos_pipeline.agents.tasks import GoalRequest, SprintGoals


def word_goals(request: GoalRequest) -> SprintGoals:
    """Name what each sprint is about: its epics, the largest first."""
    stories = {story.id: story for story in request.stories.stories}
    titles = {epic.id: epic.title for epic in request.stories.epics}
    goals = []
    for sprint in request.plan.sprints:
        points: dict[str, int] = {}
        for name in sprint.stories:
            title = titles[stories[name].epic]
            points[title] = points.get(title, 0) + stories[name].points
        ranked = sorted(points, key=lambda title: (-points[title], title))
        goals.append(f"Users can work with {_enumerate([title.lower() for title in ranked])}.")
    return SprintGoals(goals=tuple(goals))


def _enumerate(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
