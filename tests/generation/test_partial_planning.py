"""A model is asked about what has changed, and everything else stays as it is."""

import json

import pytest

from hishamos_pipeline.changing import editing, proposing
from hishamos_pipeline.changing.forecast import forecast
from hishamos_pipeline.core.artifacts.documents import Architecture, Requirements, Stories
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.generation.producers.requirement_changes import changed_requirements
from hishamos_pipeline.generation.run import ProjectRun
from tests.generation.conftest import Recorded
from tests.support.answering import answering
from tests.support.building import build

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
STORY = {
    "title": "See the total", "actor": "reader", "want": "to see how many pages I have read this year", "benefit": "",
    "requirements": ["REQ-003"], "points": 2, "priority": "should", "depends_on": [],
    "criteria": [{"given": "a log", "when": "I ask for the total", "then": "723 is printed"}],
}  # fmt: skip
CHANGED = {**STORY, "epic": "EP-002"}
STORAGE = "src/reading_log/storage.py"
STORIES = json.dumps(
    {"stories": [{"change": "MODIFIED", "id": "US-003", "content": {**CHANGED, "depends_on": []}}]}
)


def reworded(run: ProjectRun, item: str, statement: str) -> None:
    items = editing.current_items(run.project, "requirements")
    changed = {**items, item: {**items[item], "statement": statement}}
    editing.apply_edits(
        run.project, "requirements", edits_between("requirements", items, changed), author="a", reason="r"
    )


async def test_one_requirement_asks_for_its_stories_alone(recorded: Recorded) -> None:
    await build(recorded.run(), until="architecture")
    await build(recorded.run(), until="stories")
    run = recorded.run()
    before, plan = run.project.read("stories", Stories), run.project.read("architecture", Architecture)
    reworded(run, "REQ-003", "The reader sees the pages of this year.")
    asked = answering(
        recorded,
        {"business_analyst/revise_stories": [STORIES], "architect/revise": [json.dumps({"files": []})]},
    )
    await build(recorded.run(), until="stories")
    assert sorted(asked) == ["architect/revise", "business_analyst/revise_stories"]
    prompt = next(
        a.text for a in reversed(recorded.server.asked) if "# Task business_analyst/revise_stories" in a.text
    )
    assert "pages of this year" in prompt and "how many pages I have read" in prompt and "474" in prompt
    after = recorded.run().project.read("stories", Stories)
    assert after.stories[:2] == before.stories[:2], "what did not change is as it was"
    assert (after.stories[2].id, after.stories[2].points, after.stories[2].epic) == ("US-003", 2, "EP-002")
    assert after.retired == () and after.epics == before.epics
    assert recorded.run().project.read("architecture", Architecture) == plan, (
        "nothing to change, nothing changed"
    )


async def test_a_change_and_its_opposite_bring_the_old_plan_and_backlog_back_unasked(
    recorded: Recorded,
) -> None:
    for kind in ("architecture", "stories"):
        await build(recorded.run(), until=kind)
    project = recorded.run().project
    before = project.read("stories", Stories), project.read("architecture", Architecture)
    first = project.read("requirements", Requirements)
    reworded(recorded.run(), "REQ-003", "The reader sees the average of all.")
    module = {
        "path": "src/reading_log/report.py", "purpose": "Figures.", "requirements": ["REQ-003"],
        "depends_on": ["src/reading_log/storage.py"],
        "interface": 'def average() -> float:\n    """The mean."""\n',
    }  # fmt: skip
    added = {**STORY, "title": "See the mean", "epic": "EP-002"}
    backlog = json.dumps({"stories": [{"change": "ADDED", "content": added}]})
    answering(
        recorded,
        {"business_analyst/revise_stories": [backlog], "architect/revise": [json.dumps({"files": [module]})]},
    )
    for kind in ("architecture", "stories"):
        await build(recorded.run(), until=kind)
    assert recorded.run().project.read("architecture", Architecture) != before[1]
    assert [s.id for s in recorded.run().project.read("stories", Stories).stories][-1] == "US-004"
    statement = next(item.statement for item in first.requirements if item.id == "REQ-003")
    reworded(recorded.run(), "REQ-003", statement)
    asked = answering(recorded, {})
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    assert plan["architecture"].most.calls == plan["stories"].most.calls == 0, "and so it is foretold"
    for kind in ("architecture", "stories"):
        await build(recorded.run(), until=kind)
    project = recorded.run().project
    assert asked == [] and project.read("architecture", Architecture) == before[1]
    again = project.read("stories", Stories)
    assert again.stories == before[0].stories
    assert [item.id for item in again.retired] == ["US-004"], "its id is never given again"


async def test_a_plan_that_somebody_has_edited_is_asked_about_again(recorded: Recorded) -> None:
    await build(recorded.run(), until="architecture")
    first = recorded.run().project.read("requirements", Requirements)
    reworded(recorded.run(), "REQ-003", "The reader sees the average of all.")
    answering(recorded, {"architect/revise": [json.dumps({"files": []})]})
    await build(recorded.run(), until="architecture")
    run = recorded.run()
    items = editing.current_items(run.project, "architecture")
    edited = {**items, STORAGE: {**items[STORAGE], "purpose": "Mine."}}
    editing.apply_edits(
        run.project, "architecture", edits_between("architecture", items, edited), author="a", reason="r"
    )
    statement = next(item.statement for item in first.requirements if item.id == "REQ-003")
    reworded(recorded.run(), "REQ-003", statement)
    asked = answering(recorded, {"architect/revise": [json.dumps({"files": []})]})
    await build(recorded.run(), until="architecture")
    assert asked == ["architect/revise"]
    after = recorded.run().project.read("architecture", Architecture)
    assert next(file.purpose for file in after.files if file.path == STORAGE) == "Mine."


async def test_a_revised_module_replaces_its_plan(recorded: Recorded) -> None:
    await build(recorded.run(), until="architecture")
    run = recorded.run()
    before = run.project.read("architecture", Architecture)
    reworded(run, "REQ-003", "The reader sees the average.")
    module = {
        "path": "src/reading_log/report.py", "purpose": "Figures.", "requirements": ["REQ-003"],
        "depends_on": ["src/reading_log/storage.py"],
        "interface": 'def average() -> float:\n    """The mean."""\n',
    }  # fmt: skip
    revision = {"files": [module], "commands": "average: prints the mean"}
    answering(recorded, {"architect/revise": [json.dumps(revision)]})
    await build(recorded.run(), until="architecture")
    after = recorded.run().project.read("architecture", Architecture)
    files = {file.path: file for file in after.files}
    assert files["src/reading_log/report.py"].signatures == ("def average() -> float",)
    assert after.usage == "average: prints the mean"
    same = {file.path: file for file in before.files}
    assert files["src/reading_log/storage.py"] == same["src/reading_log/storage.py"]
    assert list(files) == list(same)


async def test_much_changed_is_made_anew(recorded: Recorded) -> None:
    await build(recorded.run(), until="requirements")
    wanted = recorded.run().project.read("requirements", Requirements)
    half = [item.model_copy(update={"statement": "x"}) for item in wanted.requirements[:2]]
    now = wanted.model_copy(update={"requirements": (*half, *wanted.requirements[2:])})
    assert changed_requirements(wanted, now) is None
    assert changed_requirements(wanted, wanted.model_copy(update={"stack": "python-api"})) is None
    assert changed_requirements(wanted, wanted) == set()
    one = wanted.model_copy(update={"requirements": (half[0], *wanted.requirements[1:])})
    assert changed_requirements(wanted, one) == {"REQ-001"}


async def test_a_change_by_a_model_is_shown_and_taken_over_as_edits(recorded: Recorded) -> None:
    await build(recorded.run(), until="stories")
    requirement = {"kind": "functional", "title": "Longest book", "statement": "The longest book is named.",
                   "acceptance": ["It is named."]}  # fmt: skip
    story = {
        **STORY,
        "title": "Name the longest",
        "requirements": ["NEW-1"],
        "epic": "Figures",
        "depends_on": ["US-001"],
    }
    draft = {
        "summary": "The longest book is named, and the total goes.",
        "requirements": [{"change": "ADDED", "content": requirement}, {"change": "REMOVED", "id": "REQ-003"}],
        "stories": [{"change": "ADDED", "content": story}, {"change": "REMOVED", "id": "US-003"}],
    }
    wrong = {**draft, "stories": [{"change": "REMOVED", "id": "US-003"}]}
    answering(recorded, {"business_analyst/change": [json.dumps(wrong), json.dumps(draft)]})
    run = recorded.run()
    change = await proposing.propose(run, "name the longest book instead of the total")
    assert {(c.kind, c.item, c.status) for c in change.items} == {
        ("requirements", "REQ-007", "ADDED"), ("requirements", "REQ-003", "REMOVED"),
        ("stories", "US-004", "ADDED"), ("stories", "US-003", "REMOVED"),
    }  # fmt: skip
    refused = next(a.text for a in reversed(recorded.server.asked) if "business_analyst/change" in a.text)
    assert "no story serves REQ-007" in refused
    assert proposing.take_over(run.project, change, author="ann") == "requirements@2 and stories@2"
    assert "stories" not in {step.kind for step in recorded.run().plan()}, "they fit together"
    backlog = recorded.run().project.read("stories", Stories)
    assert [s.id for s in backlog.stories] == ["US-001", "US-002", "US-004"] and backlog.retired[
        0
    ].id == "US-003"
    assert backlog.stories[2].epic == "EP-002"
    assert [r.id for r in run.project.read("requirements", Requirements).retired] == ["REQ-003"]


async def test_where_no_requirement_changed_nobody_is_asked(recorded: Recorded) -> None:
    await build(recorded.run(), until="stories")
    run = recorded.run()
    items = editing.current_items(run.project, "requirements")
    edits = edits_between("requirements", items, {**items, "@summary": "Another summary."})
    editing.apply_edits(run.project, "requirements", edits, author="a", reason="r")
    before, asked = run.project.read("stories", Stories), len(recorded.server.asked)
    await build(recorded.run(), until="stories")
    assert len(recorded.server.asked) == asked and recorded.run().project.read("stories", Stories) == before
