"""A changed requirement changes the stories that serve it, and no other."""

from typing import Any

import pytest

from hishamos_pipeline.agents.tasks import StoriesRevision
from hishamos_pipeline.authoring.change_assembly import revised_stories
from hishamos_pipeline.authoring.drafts import BacklogChange
from hishamos_pipeline.core.artifacts.continuity import keep_story_ids
from hishamos_pipeline.core.artifacts.documents import Criterion, Epic, Stories, Story
from hishamos_pipeline.core.artifacts.idea import SprintRules
from tests.authoring.test_draft_assembly import REQUIREMENTS

GIVEN, SECOND = ({"given": f"g{n}", "when": "w", "then": "t"} for n in (1, 2))


def story(number: int, *requirements: str, depends_on: tuple[str, ...] = ()) -> Story:
    name = f"US-00{number}"
    return Story(
        id=name, epic="EP-001", requirements=requirements, title=f"S{number}", actor="user", want="w", benefit="",
        criteria=(Criterion(id=f"{name}-AC1", **GIVEN), Criterion(id=f"{name}-AC2", **SECOND)), points=2,
        priority="must", depends_on=depends_on,
    )  # fmt: skip


BEFORE = Stories(
    epics=(Epic(id="EP-001", title="Notes"),),
    stories=(story(1, "REQ-001"), story(2, "REQ-002", depends_on=("US-001",)), story(3, "REQ-009")),
    sprint=SprintRules(),
)


def content(**changed: Any) -> dict[str, Any]:
    made = {
        "title": "S1",
        "actor": "user",
        "want": "more",
        "requirements": ["REQ-001"],
        "criteria": [GIVEN],
        "epic": "EP-001",
    }
    return {**made, **changed}


def revised(*stories: dict[str, Any], changed: tuple[str, ...] = ("REQ-001",)) -> Stories:
    request = StoriesRevision(requirements=REQUIREMENTS, stories=BEFORE, changed=changed)
    return revised_stories(request, BacklogChange.model_validate({"stories": stories}))


def test_criteria_that_still_hold_keep_their_ids_and_others_get_new_ones() -> None:
    third, other = {**GIVEN, "when": "another", "then": "one"}, {**GIVEN, "then": "otherwise"}
    made = revised(
        {"change": "MODIFIED", "id": "US-001", "content": content(criteria=[third, SECOND, other])}
    )
    assert [item.id for item in made.stories[0].criteria] == ["US-001-AC3", "US-001-AC2", "US-001-AC1"]
    assert made.stories[1] == BEFORE.stories[1]


def test_ids_are_those_of_the_answer_whatever_it_says() -> None:
    made = revised({"change": "MODIFIED", "id": "US-001", "content": content(title="All else", want="other")})
    kept = keep_story_ids(BEFORE, made)
    assert [item.id for item in kept.stories] == ["US-001", "US-002"] and kept.revision_of == ""


def test_a_story_of_requirements_that_are_gone_goes_with_them() -> None:
    made = revised(changed=())
    assert [item.id for item in made.stories] == ["US-001", "US-002"]
    assert [item.id for item in made.retired] == ["US-003"]


def test_what_is_added_is_named_by_others_before_it_has_an_id() -> None:
    added = {"change": "ADDED", "content": content(title="New", epic="More")}
    other = {"change": "ADDED", "content": content(title="Newer", depends_on=["NEW-1"])}
    made = revised(added, other)
    assert [(item.id, item.depends_on) for item in made.stories[2:]] == [
        ("US-004", ()),
        ("US-005", ("US-004",)),
    ]
    assert made.epics[-1] == Epic(id="EP-002", title="More")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"change": "REMOVED", "id": "US-002"}, "US-002 serves nothing that has changed: it stays"),
        ({"change": "MODIFIED", "id": "US-002", "content": content()}, "no story serves REQ-002"),
        ({"change": "MODIFIED", "id": "US-099", "content": content()}, "there is no story 'US-099'"),
        ({"change": "MODIFIED", "id": "US-001"}, "lacks its content"),
        ({"change": "REMOVED", "id": "US-001"}, "no story serves REQ-001"),
        (
            {"change": "MODIFIED", "id": "US-001", "content": content(requirements=["REQ-009"])},
            "serves REQ-009",
        ),
        (
            {"change": "MODIFIED", "id": "US-001", "content": content(depends_on=["US-050"])},
            "depends on US-050",
        ),
        ({"change": "MODIFIED", "id": "US-001", "content": content(depends_on=["US-002"])}, "in a circle"),
    ],
)
def test_what_does_not_hold_together_is_refused(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        revised(entry)
