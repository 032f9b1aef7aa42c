"""Ids that last, and edits that stand."""

from hishamos_pipeline.blueprints.planning.requirements import write_requirements
from hishamos_pipeline.blueprints.planning.stories import write_stories
from hishamos_pipeline.core.artifacts.continuity import keep_requirement_ids, keep_story_ids
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.artifacts.editing import Edit, edits_between, item_hash, overlay
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.items import items_of, of_items

FEATURES = ("User can add a note", "User can list notes", "User can delete a note")


def planned(*features: str) -> tuple[Requirements, Stories]:
    requirements = write_requirements(Idea(key="notes", title="Notes", features=features))
    return requirements, write_stories(requirements)


def ids(requirements: Requirements) -> dict[str, str]:
    return {item.source: item.id for item in requirements.requirements if item.source}


def test_what_stays_keeps_its_id_and_what_goes_is_retired() -> None:
    before, _ = planned(*FEATURES)
    after = keep_requirement_ids(before, planned("User can count notes", FEATURES[2], FEATURES[0])[0])
    assert ids(after) == {
        "User can count notes": "REQ-007", "User can delete a note": "REQ-003", "User can add a note": "REQ-001",
    }  # fmt: skip
    assert [item.id for item in after.retired] == ["REQ-002"]


def test_an_id_is_never_used_for_something_else() -> None:
    before, _ = planned(*FEATURES)
    without = keep_requirement_ids(before, planned(*FEATURES[:2])[0])
    again = keep_requirement_ids(without, planned(*FEATURES[:2], "User can search notes by text")[0])
    assert ids(again)["User can search notes by text"] == "REQ-007"
    back = keep_requirement_ids(again, planned(*FEATURES)[0])
    assert ids(back)["User can delete a note"] == "REQ-003", "word for word the same: its own id"
    assert [item.id for item in back.retired] == ["REQ-007"]


def test_a_reworded_requirement_is_the_same_one() -> None:
    before, _ = planned(*FEATURES)
    after = keep_requirement_ids(before, planned(FEATURES[0], "User can list all notes", FEATURES[2])[0])
    assert ids(after)["User can list all notes"] == "REQ-002" and after.retired == ()


def test_stories_keep_theirs_with_criteria_epics_and_dependencies() -> None:
    _, before = planned(*FEATURES)
    after = keep_story_ids(before, planned(FEATURES[0], FEATURES[2], "User can count notes")[1])
    by_title = {story.title: story for story in after.stories}
    assert by_title["Delete a note"].id == "US-003" and by_title["Count notes"].id == "US-004"
    assert by_title["Delete a note"].depends_on == ("US-001",)
    assert by_title["Delete a note"].criteria[0].id == "US-003-AC1"
    assert after.epics == before.epics and [story.id for story in after.retired] == ["US-002"]


def test_nothing_before_nothing_kept() -> None:
    requirements, stories = planned(*FEATURES)
    assert (
        keep_requirement_ids(None, requirements) == requirements and keep_story_ids(None, stories) == stories
    )


def test_items_and_back() -> None:
    requirements, stories = planned(*FEATURES)
    assert of_items("requirements", items_of("requirements", requirements), Requirements) == requirements
    assert of_items("stories", items_of("stories", stories), Stories) == stories


def test_an_edit_stands_and_a_new_text_is_proposed() -> None:
    before = {"@title": "Notes", "REQ-001": {"id": "REQ-001", "title": "a"}, "REQ-002": {"id": "REQ-002"}}
    mine = {**before, "REQ-001": {"id": "REQ-001", "title": "mine"}}
    edits = edits_between("requirements", before, mine)
    assert [(edit.item, edit.base) for edit in edits] == [("REQ-001", item_hash(before["REQ-001"]))]
    assert overlay(before, edits) == (mine, []), "the engine says what it said before"
    other = {**before, "REQ-001": {"id": "REQ-001", "title": "b"}}
    result, proposals = overlay(other, edits)
    assert result == mine and proposals[0].content == {"id": "REQ-001", "title": "b"}
    assert overlay(mine, edits) == (mine, []), "the engine has come to the same"


def test_removing_stands_too_and_fields_beside_the_items_are_items() -> None:
    before = {"@title": "Notes", "REQ-001": {"id": "REQ-001"}}
    edits = edits_between("requirements", before, {"@title": "Memos"})
    assert {edit.item: edit.content for edit in edits} == {"@title": "Memos", "REQ-001": None}
    assert overlay(before, edits)[0] == {"@title": "Memos"}
    removed = Edit("requirements", "REQ-009", None, item_hash({"id": "REQ-009"}))
    assert overlay(before, [removed])[0] == before


def test_what_follows_from_the_rest_is_not_edited() -> None:
    assert edits_between("stories", {"@retired": []}, {"@retired": [1]}) == []


def test_a_retired_id_is_never_given_to_another_story() -> None:
    _, before = planned("User can add a note", "User can delete a note")
    without = keep_story_ids(before, planned("User can add a note")[1])
    other = planned("User can add a note", "User can count notes")[1]
    after = keep_story_ids(without, other)
    assert [story.id for story in after.stories] == ["US-001", "US-003"]
    assert [story.id for story in after.retired] == ["US-002"]


def test_criteria_keep_their_ids_too() -> None:
    _, before = planned("User can add a note")
    story = before.stories[0]
    fewer = before.model_copy(
        update={"stories": (story.model_copy(update={"criteria": story.criteria[1:]}),)}
    )
    assert [c.id for c in keep_story_ids(before, fewer).stories[0].criteria] == [
        c.id for c in story.criteria[1:]
    ]
    reworded = story.criteria[0].model_copy(update={"then": "something else"})
    changed = before.model_copy(
        update={"stories": (story.model_copy(update={"criteria": (reworded, *story.criteria[1:])}),)}
    )
    assert keep_story_ids(before, changed).stories[0].criteria[0].id == story.criteria[0].id, "the same case"
    other = reworded.model_copy(update={"given": "another", "when": "all else"})
    changed = before.model_copy(
        update={"stories": (story.model_copy(update={"criteria": (other, *story.criteria[1:])}),)}
    )
    assert keep_story_ids(before, changed).stories[0].criteria[0].id == f"US-001-AC{len(story.criteria) + 1}"
