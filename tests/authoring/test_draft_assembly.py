"""From drafts of requirements and stories to documents: what is added, and what is refused with a sentence."""

from typing import Any

import pytest

from hishamos_pipeline.agents.tasks import PlanningRequest
from hishamos_pipeline.authoring import draft_assembly
from hishamos_pipeline.authoring.drafts import RequirementsDraft, StoriesDraft
from hishamos_pipeline.core.artifacts.documents import Requirement, Requirements
from hishamos_pipeline.core.artifacts.idea import Idea, Section, SprintRules

REQUIREMENTS = Requirements(
    title="Notes",
    summary="Notes.",
    licence="MIT",
    author="",
    sprint=SprintRules(),
    requirements=tuple(
        Requirement(id=f"REQ-00{n}", kind="functional", title=f"T{n}", statement="S.", acceptance=("A.",))
        for n in (1, 2)
    ),
    entities=(),
)
GIVEN = PlanningRequest(requirements=REQUIREMENTS)
IDEA = Idea(
    key="notes",
    title="Notes",
    sections=(
        Section(id="1", title="1. Adding", level=2, text="## 1. Adding\n\nA *note* has a text.\n"),
        Section(id="later", title="Later", level=2, text="## Later\n\n- Sharing notes\n", excludes=True),
    ),
)


def requirements(**changed: Any) -> RequirementsDraft:
    one = {"kind": "functional", "title": "Add", "statement": "S.", "acceptance": ["A."], **changed}
    return RequirementsDraft.model_validate({"summary": "S.", "requirements": [one]})


@pytest.mark.parametrize(
    ("given", "sections", "source"),
    [
        ({"sections": ["1"], "source": "a note has a text"}, ("1",), "a note has a text"),
        ({"sections": ["section 1"], "source": "what nobody wrote"}, ("1",), ""),
        ({"source": "A note has a text."}, ("1",), "A note has a text."),
        ({}, (), ""),
        ({"sections": ["1.2"]}, ("1",), ""),
        ({"sections": ["section 1.2.3"]}, ("1",), ""),
    ],
)
def test_a_citation_is_checked_and_a_quote_that_does_not_stand_there_goes(
    given: dict[str, Any], sections: tuple[str, ...], source: str
) -> None:
    made = draft_assembly.requirements(IDEA, requirements(**given)).requirements[0]
    assert (made.sections, made.source) == (sections, source)


def test_an_unknown_section_and_a_wish_that_is_not_asked_for_go_back_to_the_model() -> None:
    with pytest.raises(ValueError, match="cites the section '9'; there are 1, later"):
        draft_assembly.requirements(IDEA, requirements(sections=["9"]))
    with pytest.raises(ValueError, match="'later', which says what is not asked for"):
        draft_assembly.requirements(IDEA, requirements(source="sharing notes"))


def stories(*changed: dict[str, Any]) -> StoriesDraft:
    base = {"title": "T", "actor": "user", "want": "w", "requirements": ["REQ-001", "REQ-002"],
            "criteria": [{"given": "g", "when": "w", "then": "t"}]}  # fmt: skip
    return StoriesDraft.model_validate(
        {"epics": [{"title": "E", "stories": [{**base, **one} for one in changed]}]}
    )


def test_stories_may_depend_on_later_ones_but_not_in_a_circle() -> None:
    made = draft_assembly.stories(GIVEN, stories({"depends_on": [2]}, {}))
    assert made.stories[0].depends_on == ("US-002",)
    with pytest.raises(ValueError, match="in a circle"):
        draft_assembly.stories(GIVEN, stories({"depends_on": [2]}, {"depends_on": [1]}))
    with pytest.raises(ValueError, match="depends on story 7, but there are 2"):
        draft_assembly.stories(GIVEN, stories({"depends_on": [7]}, {}))
    with pytest.raises(ValueError, match="no story serves REQ-002"):
        draft_assembly.stories(GIVEN, stories({"requirements": ["REQ-001"]}))
    with pytest.raises(ValueError, match="REQ-099, which is no requirement"):
        draft_assembly.stories(GIVEN, stories({"requirements": ["REQ-099"]}))
