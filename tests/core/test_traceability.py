from datetime import date

from hishamos_pipeline.core.artifacts import traceability
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Criterion,
    CriterionTest,
    Epic,
    FileSet,
    PlannedFile,
    Requirement,
    Requirements,
    Sprint,
    SprintPlan,
    Stories,
    Story,
    TestSuite,
    TreeFile,
)
from hishamos_pipeline.core.artifacts.idea import SprintRules


def requirement(number: int, **changes: object) -> Requirement:
    facts = {
        "id": f"REQ-{number:03d}",
        "kind": "functional",
        "title": "t",
        "statement": "s",
        "acceptance": ("a",),
    }
    return Requirement.model_validate({**facts, **changes})


def requirements(*items: Requirement) -> Requirements:
    return Requirements(
        title="t",
        summary="s",
        licence="MIT",
        author="",
        sprint=SprintRules(),
        requirements=items,
        entities=(),
    )


def story(number: int, **changes: object) -> Story:
    facts = {
        "id": f"US-{number:03d}", "epic": "EP-001", "title": "t", "actor": "user", "want": "w",
        "requirements": (f"REQ-{number:03d}",),
        "criteria": (Criterion(id=f"US-{number:03d}-AC1", given="g", when="w", then="t"),),
    }  # fmt: skip
    return Story.model_validate({**facts, **changes})


def stories(*items: Story) -> Stories:
    return Stories(epics=(Epic(id="EP-001", title="e"),), stories=items, sprint=SprintRules())


def file(path: str) -> TreeFile:
    return TreeFile(path=path, sha256="0", size=1)


def test_requirements_need_a_story_and_acceptance() -> None:
    wanted = requirements(requirement(1), requirement(2), requirement(3, kind="quality", acceptance=()))
    assert traceability.requirements_without_story(wanted, stories(story(1))) == ("REQ-002",)
    assert traceability.unknown_requirements(wanted, stories(story(9))) == ("US-009",)
    assert traceability.requirements_without_acceptance(wanted) == ("REQ-003",)


def test_stories_need_criteria_and_criteria_need_tests() -> None:
    backlog = stories(story(1), story(2, criteria=()), story(3, criteria=(), status="deferred", reason="r"))
    assert traceability.stories_without_criteria(backlog) == ("US-002",)
    suite = TestSuite(files=(), tests=(CriterionTest(criterion="US-009-AC1", test="x"),))
    assert traceability.criteria_without_test(backlog, suite) == ("US-001-AC1",)
    assert traceability.tests_without_criterion(backlog, suite) == ("x",)


def test_every_story_is_in_one_place_of_the_plan() -> None:
    day = date(2026, 1, 1)
    sprint = Sprint(number=1, goal="", start=day, end=day, stories=("US-001", "US-002"), points=9)
    plan = SprintPlan(sprints=(sprint,), backlog=("US-002",), capacity=5)
    assert traceability.stories_not_in_plan(stories(story(1), story(2), story(3)), plan) == (
        "US-002",
        "US-003",
    )
    assert traceability.overfull_sprints(plan) == ("sprint 1",)


def test_plan_and_files_must_agree() -> None:
    plan = Architecture(
        title="t", stack="python-cli", distribution="d", package="p", summary="s", licence="MIT", author="",
        files=(PlannedFile(path="a", kind="source", purpose="p"), PlannedFile(path="b", kind="source", purpose="p")),
        data_model=(), decisions=(), commands=(),
    )  # fmt: skip
    made = FileSet(files=(file("a"), file("c")))
    assert traceability.planned_but_missing(plan, [made]) == ("b",)
    assert traceability.made_but_unplanned(plan, [made]) == ("c",)
    assert traceability.duplicates(["x", "y", "x"]) == ("x",)
