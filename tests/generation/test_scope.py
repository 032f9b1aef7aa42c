"""A build of a part of the backlog: what is outside it waits, is not asked for, and comes with the next build."""

import json

import pytest

from hishamos_pipeline.application import builds
from hishamos_pipeline.changing.editing import apply_edits, current_items
from hishamos_pipeline.changing.forecast import forecast
from hishamos_pipeline.core.artifacts.documents import Architecture, Epic, Stories, Story, VerifiedBuild
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.artifacts.items import items_of
from hishamos_pipeline.core.artifacts.prescriptions import Example, ExampleStep, Prescriptions
from hishamos_pipeline.core.artifacts.scope import in_scope, put_off_examples, scoped, waiting_requirements
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import VerificationError
from tests.authoring.test_draft_assembly import REQUIREMENTS
from tests.fakes.recorded import READING_LOG
from tests.generation.conftest import Recorded
from tests.support.answering import answering
from tests.support.building import build

PLAN = json.loads((READING_LOG / "architect.architecture.json").read_text())
STORAGE, REPORT = PLAN["files"]
LINES, TOTAL = REPORT["interface"].split("def total_pages")
FIRST_PLAN = {
    **PLAN,
    "commands": PLAN["commands"].replace("total: prints the number of pages", "").strip(),
    "files": [STORAGE, {**REPORT, "interface": LINES, "requirements": ["REQ-002"]}],
}
CLI = (READING_LOG / "coding" / "cli.py.txt").read_text()
FIRST_CLI = (
    CLI.replace("lines, total_pages", "lines")
    .replace('    commands.add_parser("total")\n', "")
    .replace('        elif arguments.command == "list":\n', "        else:\n")
    .replace("        else:\n            print(total_pages(read_books(arguments.data)))\n", "")
)
CODE = (READING_LOG / "coding" / "report.py.txt").read_text()
FIRST_CODE = CODE.partition("\n\ndef total_pages")[0].rstrip() + "\n"
README = (READING_LOG / "documentation" / "README.md.txt").read_text()
FIRST_README = README.replace("- See the total (US-003)\n", "").replace("reading-log total\n", "")
EPICS = (Epic(id="EP-001", title="Notes"),)
STORY = Story(id="US-001", epic="EP-001", title="S1", actor="user", want="to note", requirements=("REQ-001",))


def text(content: str) -> str:
    return json.dumps({"text": content})


@pytest.mark.slow
@pytest.mark.real_servers
async def test_a_part_is_built_and_the_next_build_adds_the_rest(recorded: Recorded) -> None:
    revision = {"files": [REPORT], "commands": PLAN["commands"]}
    answering(
        recorded,
        {
            "architect/architecture": [json.dumps(FIRST_PLAN)],
            "architect/revise": [json.dumps(revision)],
            "coding/new for src/reading_log/cli.py": [text(FIRST_CLI), text(CLI)],
            "coding/new for src/reading_log/report.py": [text(FIRST_CODE), text(CODE)],
            "documentation/document for README.md": [text(FIRST_README), text(README)],
        },
    )
    for kind in ("idea", "requirements", "stories"):
        await recorded.run().make(kind)
    run = recorded.run()
    everything = run.project.read("stories", Stories)
    builds.set_scope(run, stories=["us-002"])
    foreseen = await run.runner.preview("stories", {})
    assert [story.id for story in foreseen.waiting] == ["US-003"], "what is foretold knows the scope"
    assert run.runner.context("architecture", {"stories": foreseen}).waiting() == ("REQ-003",)
    nothing = everything.model_copy(update={"stories": everything.stories[:2]})
    assert run.runner.context("architecture", {"stories": nothing}).waiting() == ()
    await build(run)
    assert run.project.store.projects.get(run.key).state == "exported"
    first = run.project.read("verified_build", VerifiedBuild)
    assert (first.stories_verified, first.waiting, first.deferred) == (("US-001", "US-002"), ("US-003",), ())
    asked = [a.text for a in recorded.server.asked]
    (planning,) = [a for a in asked if "# Task architect/architecture" in a]
    assert "REQ-002" in planning and "REQ-003" not in planning
    assert not any("# Task qa/story_tests for tests/test_us_003" in a for a in asked)
    (row,) = [story for story in run.project.store.backlog.stories(run.key) if story.code == "US-003"]
    assert row.status == "planned" and row.reason.startswith("waits for a later build")
    readme = (run.project.folder.path("tree") / "README.md").read_text()
    assert "What it does not do yet" in readme and "US-003 See the total: waits" in readme

    before = len(recorded.server.asked)
    assert recorded.run().plan() == (), "in its scope it is up to date"
    run = recorded.run()
    builds.set_scope(run)
    assert {step.kind: step.reason for step in run.plan() if step.certain}["stories"] == (
        "the scope of the builds is another"
    )
    foretold = {item.step.kind: item for item in await forecast(run)}
    assert (foretold["stories"].units, foretold["architecture"].units) == ((), ("",))
    assert any("test_us_003" in path for path in foretold["test_suite"].likely)
    await build(run)
    second = run.project.read("verified_build", VerifiedBuild)
    assert second.passed and second.waiting == () and len(second.stories_verified) == 3
    asked = [a.text for a in recorded.server.asked[before:]]
    (revising,) = [a for a in asked if "# Task architect/" in a]
    assert "# Task architect/revise" in revising and "REQ-003" in revising
    assert not any("# Task coding/new for src/reading_log/storage.py" in a for a in asked)
    assert not any("# Task business_analyst" in a for a in asked)
    assert "US-003 See the total: waits" not in (run.project.folder.path("tree") / "README.md").read_text()

    run = recorded.run()
    assert run.plan() == () and run.project.store.projects.get(run.key).state == "exported"
    builds.set_scope(run, stories=["US-001"])
    assert run.plan() == (), "what is verified never waits"
    plan = run.project.read("architecture", Architecture)
    assert {"REQ-001", "REQ-002", "REQ-003"} <= {name for file in plan.files for name in file.requirements}


def test_a_scope_takes_what_it_depends_on_and_what_the_brief_requires() -> None:
    listed = tuple(
        STORY.model_copy(update={"id": f"US-00{n}", "title": f"S{n}", "depends_on": on, "status": status})
        for n, on, status in ((1, (), "planned"), (2, ("US-001",), "waiting"), (3, (), "planned"),
                              (4, (), "planned"), (5, (), "deferred"))
    )  # fmt: skip
    backlog = Stories(epics=EPICS, stories=listed, sprint=SprintRules(), required=("s4",))
    found = {story.id: story.status for story in scoped(backlog, ["US-002"]).stories}
    assert found == {"US-001": "planned", "US-002": "planned", "US-003": "waiting", "US-004": "planned",
                     "US-005": "deferred"}  # fmt: skip
    assert scoped(backlog, ["US-777"]) == scoped(backlog, ()), "a scope of other stories is none"
    everything = scoped(scoped(backlog, ["US-002"]), ())
    assert [story.status for story in everything.stories] == ["planned"] * 4 + ["deferred"]


def test_requirements_wait_with_all_of_their_stories() -> None:
    served = (("US-001", ("REQ-001",)), ("US-002", ("REQ-001", "REQ-002")))
    listed = tuple(STORY.model_copy(update={"id": n, "depends_on": (), "requirements": r}) for n, r in served)
    backlog = Stories(epics=EPICS, stories=listed, sprint=SprintRules())
    waiting = waiting_requirements(scoped(backlog, ["US-001"]))
    assert waiting == ("REQ-002",)
    assert [item.id for item in in_scope(REQUIREMENTS, waiting).requirements] == ["REQ-001"]
    assert waiting_requirements(scoped(backlog, ["US-002"])) == ()
    assert in_scope(REQUIREMENTS, ()) is REQUIREMENTS


def test_examples_are_put_off_unless_they_are_about_the_scope_alone() -> None:
    step = ExampleStep(command=("notes",))
    examples = tuple(
        Example(title=name, section=name, steps=(step,)) for name in ("one", "both", "two", "none")
    )
    first, second = REQUIREMENTS.requirements
    wanted = REQUIREMENTS.model_copy(
        update={
            "requirements": (
                first.model_copy(update={"sections": ("one", "both")}),
                second.model_copy(update={"sections": ("two", "both")}),
            ),
            "prescriptions": Prescriptions(examples=examples),
        }
    )
    assert [item.title for item in in_scope(wanted, ("REQ-002",)).prescriptions.examples] == ["one"]
    assert [item.title for item in put_off_examples(wanted, ("REQ-002",))] == ["both", "two", "none"]
    assert put_off_examples(wanted, ()) == ()


@pytest.mark.slow
@pytest.mark.real_servers
async def test_a_scope_is_narrowed_before_anything_is_built(recorded: Recorded) -> None:
    await build(recorded.run(), until="sprint_plan")
    run = recorded.run()
    run.project.store.artifacts.approve(run.key, "stories")
    answering(
        recorded,
        {
            "architect/architecture": [json.dumps(FIRST_PLAN)],
            "coding/new for src/reading_log/cli.py": [text(FIRST_CLI)],
            "coding/new for src/reading_log/report.py": [text(FIRST_CODE)],
            "documentation/document for README.md": [text(FIRST_README)],
        },
    )
    builds.set_scope(run, stories=["US-002"])
    await build(run)
    assert run.project.read("architecture", Architecture).waiting == ("REQ-003",), "it is planned anew"
    assert run.project.store.artifacts.is_approved(run.key, "stories"), "the wording is the same"
    assert run.plan() == () and run.project.store.projects.get(run.key).state == "exported"


@pytest.mark.slow
@pytest.mark.real_servers
async def test_a_failing_build_takes_nothing_out_of_the_product(recorded: Recorded) -> None:
    run = recorded.run(deliver="all")
    await build(run)
    broken = CODE.replace("sum(book.pages for book in books)", "len(books)")
    edit = current_items(run.project, "source_code")
    path = "src/reading_log/report.py"
    digest = run.project.store.units.add_blobs([broken])
    changed = {**edit, path: {**edit[path], "sha256": sha256_text(broken), "size": len(broken.encode())}}
    apply_edits(
        run.project, "source_code", edits_between("source_code", edit, changed), author="a", reason="r"
    )
    assert digest is None
    with pytest.raises(VerificationError):
        await build(recorded.run(deliver="all"))
    builds.set_scope(recorded.run(), stories=["US-001"])
    assert recorded.run().project.store.projects.get(run.key).scope == ""


def test_an_edit_is_not_about_the_scope() -> None:
    waits = STORY.model_copy(update={"status": "waiting", "reason": "waits"})
    backlogs = [Stories(epics=EPICS, stories=(item,), sprint=SprintRules()) for item in (STORY, waits)]
    one, other = (items_of("stories", backlog)["US-001"] for backlog in backlogs)
    assert one == other
