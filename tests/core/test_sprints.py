from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.artifacts.documents import Epic, Stories, Story
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.artifacts.sprints import order, plan_sprints
from hishamos_pipeline.errors import PlanningError

FIRST_DAY = date(2026, 3, 2)


def story(
    number: int, points: int = 1, priority: str = "must", needs: tuple[int, ...] = (), **rest: object
) -> Story:
    return Story.model_validate(
        {
            "id": f"US-{number:03d}",
            "epic": "EP-001",
            "title": f"story {number}",
            "actor": "user",
            "want": "x",
            "requirements": ("REQ-001",),
            "points": points,
            "priority": priority,
            "depends_on": tuple(f"US-{n:03d}" for n in needs),
            **rest,
        }
    )


def backlog(*stories: Story, capacity: int = 5, start: date | None = None) -> Stories:
    rules = SprintRules(length_days=7, capacity=capacity, start=start)
    return Stories(epics=(Epic(id="EP-001", title="all"),), stories=stories, sprint=rules)


def test_priority_decides_and_dependencies_come_first() -> None:
    stories = (story(1, priority="could"), story(2, priority="must", needs=(3,)), story(3, priority="should"))
    assert [item.id for item in order(stories)] == ["US-003", "US-002", "US-001"]


def test_a_sprint_holds_no_more_than_its_capacity() -> None:
    plan = plan_sprints(backlog(story(1, 3), story(2, 3), story(3, 2)), FIRST_DAY)
    assert [sprint.stories for sprint in plan.sprints] == [("US-001", "US-003"), ("US-002",)]
    assert [sprint.points for sprint in plan.sprints] == [5, 3]


def test_dates_follow_the_rules() -> None:
    plan = plan_sprints(backlog(story(1, 5), story(2, 5), start=date(2026, 5, 4)), FIRST_DAY)
    assert (plan.sprints[0].start, plan.sprints[0].end) == (date(2026, 5, 4), date(2026, 5, 10))
    assert plan.sprints[1].start == date(2026, 5, 11)
    assert plan_sprints(backlog(story(1)), FIRST_DAY).sprints[0].start == FIRST_DAY


def test_deferred_stories_stay_in_the_backlog() -> None:
    plan = plan_sprints(backlog(story(1), story(2, status="deferred", reason="x")), FIRST_DAY)
    assert plan.backlog == ("US-002",)
    assert plan.sprints[0].stories == ("US-001",)


def test_a_cycle_is_an_error_that_names_the_stories() -> None:
    with pytest.raises(PlanningError, match="circle") as caught:
        plan_sprints(backlog(story(1, needs=(2,)), story(2, needs=(1,)), story(3)), FIRST_DAY)
    assert set(caught.value.stories) == {"US-001", "US-002"}


def test_a_story_larger_than_a_sprint_is_an_error_that_names_it() -> None:
    with pytest.raises(PlanningError, match=r"US-002 \(8\)") as caught:
        plan_sprints(backlog(story(1), story(2, 8)), FIRST_DAY)
    assert caught.value.stories == ("US-002",)


def test_a_dependency_on_a_deferred_story_is_an_error() -> None:
    deferred = story(1, status="deferred", reason="x")
    with pytest.raises(PlanningError, match="US-001, which is not planned"):
        plan_sprints(backlog(deferred, story(2, needs=(1,))), FIRST_DAY)


@given(st.data())
def test_any_backlog_is_planned_whole_in_order_and_within_capacity(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    stories = tuple(
        story(
            number,
            data.draw(st.integers(1, 5)),
            data.draw(st.sampled_from(["must", "should", "could"])),
            tuple(data.draw(st.sets(st.integers(1, number - 1), max_size=3))) if number > 1 else (),
        )
        for number in range(1, count + 1)
    )
    plan = plan_sprints(backlog(*stories), FIRST_DAY)
    place = {name: sprint.number for sprint in plan.sprints for name in sprint.stories}
    sequence = [name for sprint in plan.sprints for name in sprint.stories]
    assert sorted(sequence) == [item.id for item in stories]
    assert all(sprint.points <= 5 for sprint in plan.sprints)
    assert all(place[need] <= place[item.id] for item in stories for need in item.depends_on)
    assert all(first.end < second.start for first, second in pairwise(plan.sprints))
