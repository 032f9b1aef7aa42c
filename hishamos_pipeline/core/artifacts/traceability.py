"""Rules across artifacts, in plain code: who covers whom, and what is left over."""

from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    FileSet,
    Requirements,
    SprintPlan,
    Stories,
    TestSuite,
)


def requirements_without_story(requirements: Requirements, stories: Stories) -> tuple[str, ...]:
    """Functional requirements that no story serves."""
    served = {name for story in stories.stories for name in story.requirements}
    return tuple(
        item.id for item in requirements.requirements if item.kind == "functional" and item.id not in served
    )


def unknown_requirements(requirements: Requirements, stories: Stories) -> tuple[str, ...]:
    """Stories that name a requirement which does not exist."""
    known = {item.id for item in requirements.requirements}
    return tuple(story.id for story in stories.stories if set(story.requirements) - known)


def requirements_without_acceptance(requirements: Requirements) -> tuple[str, ...]:
    """Requirements without any acceptance statement."""
    return tuple(item.id for item in requirements.requirements if not item.acceptance)


def stories_without_criteria(stories: Stories) -> tuple[str, ...]:
    """Planned stories without an acceptance criterion."""
    return tuple(story.id for story in stories.planned if not story.criteria)


def criteria_without_test(stories: Stories, suite: TestSuite) -> tuple[str, ...]:
    """Criteria of planned stories that no test shows."""
    shown = {link.criterion for link in suite.tests}
    return tuple(
        criterion.id for story in stories.planned for criterion in story.criteria if criterion.id not in shown
    )


def tests_without_criterion(stories: Stories, suite: TestSuite) -> tuple[str, ...]:
    """Tests that claim a criterion which no planned story has."""
    known = {criterion.id for story in stories.planned for criterion in story.criteria}
    return tuple(link.test for link in suite.tests if link.criterion not in known)


def stories_not_in_plan(stories: Stories, plan: SprintPlan) -> tuple[str, ...]:
    """Stories that are neither in exactly one sprint nor in the backlog."""
    places = Counter(name for sprint in plan.sprints for name in sprint.stories)
    places.update(plan.backlog)
    return tuple(story.id for story in stories.stories if places[story.id] != 1)


def overfull_sprints(plan: SprintPlan) -> tuple[str, ...]:
    """Sprints with more points than the capacity."""
    return tuple(f"sprint {sprint.number}" for sprint in plan.sprints if sprint.points > plan.capacity)


def planned_but_missing(architecture: Architecture, sets: Iterable[FileSet]) -> tuple[str, ...]:
    """Files of the architecture that nobody made."""
    made = {file.path for files in sets for file in files.files}
    return tuple(file.path for file in architecture.files if file.path not in made)


def made_but_unplanned(architecture: Architecture, sets: Iterable[FileSet]) -> tuple[str, ...]:
    """Files that somebody made and the architecture does not know."""
    planned = {file.path for file in architecture.files}
    return tuple(file.path for files in sets for file in files.files if file.path not in planned)


def duplicates(names: Iterable[str]) -> tuple[str, ...]:
    """Names that occur more than once, in order of first occurrence."""
    return tuple(name for name, count in Counter(names).items() if count > 1)


def circle(depends_on: Mapping[str, Iterable[str]]) -> str:
    """The names of a circle of dependencies, as ``a -> b -> a``; empty if there is none."""
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        return " -> ".join(error.args[1])
    return ""
