"""The deterministic sprint planner."""

from datetime import date, timedelta
from graphlib import CycleError, TopologicalSorter

from hishamos_pipeline.core.artifacts.documents import Sprint, SprintPlan, Stories, Story
from hishamos_pipeline.errors import PlanningError

_RANK = {"must": 0, "should": 1, "could": 2}


def order(stories: tuple[Story, ...]) -> tuple[Story, ...]:
    """Stories by priority, each after what it depends on, ties in backlog order.

    A story that others wait for is pulled forward to the priority of the most urgent of them.

    Raises:
        PlanningError: if stories depend on each other in a circle, or on a story that is not planned.
    """
    by_id = {story.id: story for story in stories}
    for story in stories:
        missing = [name for name in story.depends_on if name not in by_id]
        if missing:
            raise PlanningError(
                f"{story.id} depends on {', '.join(missing)}, which is not planned: "
                "remove the dependency or plan that story",
                (story.id, *missing),
            )
    sorter = TopologicalSorter({story.id: story.depends_on for story in stories})
    try:
        sequence = tuple(sorter.static_order())
    except CycleError as error:
        cycle = tuple(dict.fromkeys(error.args[1]))
        raise PlanningError(
            f"stories depend on each other in a circle: {' -> '.join(error.args[1])}; "
            "remove one of the dependencies",
            cycle,
        ) from error
    urgency = {story.id: _RANK[story.priority] for story in stories}
    for name in reversed(sequence):
        for earlier in by_id[name].depends_on:
            urgency[earlier] = min(urgency[earlier], urgency[name])
    position = {story.id: index for index, story in enumerate(stories)}
    ready = TopologicalSorter({story.id: story.depends_on for story in stories})
    ready.prepare()
    waiting: list[str] = []
    result: list[Story] = []
    while ready.is_active():
        waiting.extend(ready.get_ready())
        waiting.sort(key=lambda name: (urgency[name], position[name]))
        chosen = waiting.pop(0)
        result.append(by_id[chosen])
        ready.done(chosen)
    return tuple(result)


def plan_sprints(backlog: Stories, first_day: date) -> SprintPlan:
    """Fill sprints in order: a story goes into the first sprint with room that no dependency forbids.

    Args:
        backlog: the stories, with the sprint length in days and the capacity in points.
        first_day: start of the first sprint, unless the idea names one.

    Raises:
        PlanningError: a cycle, or a story with more points than a sprint's capacity.
    """
    rules = backlog.sprint
    too_large = tuple(story for story in _to_do(backlog) if story.points > rules.capacity)
    if too_large:
        names = ", ".join(f"{story.id} ({story.points})" for story in too_large)
        raise PlanningError(
            f"stories larger than a sprint of {rules.capacity} points: {names}; "
            "split them or raise sprint.capacity in the brief",
            tuple(story.id for story in too_large),
        )
    sprint_of: dict[str, int] = {}
    contents: list[list[Story]] = []
    for story in order(_to_do(backlog)):
        first = max((sprint_of[name] for name in story.depends_on), default=0)
        index = first
        while index < len(contents) and _points(contents[index]) + story.points > rules.capacity:
            index += 1
        if index == len(contents):
            contents.append([])
        contents[index].append(story)
        sprint_of[story.id] = index
    start = rules.start or first_day
    length = timedelta(days=rules.length_days)
    sprints = tuple(
        Sprint(
            number=index + 1,
            goal="",
            start=start + index * length,
            end=start + (index + 1) * length - timedelta(days=1),
            stories=tuple(story.id for story in stories),
            points=_points(stories),
        )
        for index, stories in enumerate(contents)
    )
    return SprintPlan(
        sprints=sprints,
        backlog=tuple(story.id for story in backlog.deferred),
        capacity=rules.capacity,
    )


def _to_do(backlog: Stories) -> tuple[Story, ...]:
    """What waits for a later build has its sprint, too."""
    return tuple(story for story in backlog.stories if story.status != "deferred")


def _points(stories: list[Story]) -> int:
    return sum(story.points for story in stories)
