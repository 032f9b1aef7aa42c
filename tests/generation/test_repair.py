"""The repair loop with recorded models: real wire format, real sandbox, real failing tests."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from hishamos_pipeline.changing import editing
from hishamos_pipeline.core.artifacts.documents import Architecture, VerifiedBuild
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import ModelError, VerificationError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from tests.fakes.providers import Reply
from tests.fakes.recorded import READING_LOG
from tests.generation.conftest import MODEL, Recorded
from tests.support.answering import answering
from tests.support.building import build

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
GOOD = (READING_LOG / "coding" / "report.py.txt").read_text()
BROKEN = GOOD.replace("sum(book.pages for book in books)", "len(books)")
WORSE = BROKEN.replace('f"{book.title} ({book.pages} pages)"', "book.title")
TEST = "test_us_003_see_the_total.py"
GOOD_TEST = (READING_LOG / "qa" / f"{TEST}.txt").read_text()
BAD_TEST = GOOD_TEST.replace("capsys.readouterr()", "printed.readouterr()").replace(
    "capsys: pytest.CaptureFixture[str]", "printed: pytest.CaptureFixture[str]"
)


def text(content: str) -> str:
    return json.dumps({"text": content})


def repaired(content: str) -> str:
    return json.dumps({"text": content, "reason": "the fixture is called capsys, not printed"})


CODE = {"coding/new for src/reading_log/report.py": [text(BROKEN)]}


async def verified(recorded: Recorded, **settings: object) -> VerifiedBuild:
    """The build, all or nothing: what repair alone comes to."""
    run = recorded.run(**{"deliver": "all", **settings})
    await build(run, until="verified_build")
    return run.project.read("verified_build", VerifiedBuild)


async def test_wrong_code_is_corrected_and_the_report_says_how(recorded: Recorded) -> None:
    answering(recorded, {**CODE, "coding/repair for src/reading_log/report.py": [text(GOOD)]})
    result = await verified(recorded)
    assert result.passed and result.stopped == ""
    (made,) = result.rounds
    assert (made.number, made.side, made.role, made.kept, made.left) == (1, "code", "coding", True, ())
    assert made.failed == (f"tests_pass: tests/{TEST}::test_ac1_the_total_is_printed",)
    assert made.calls == 1 and made.cost_usd > 0
    (change,) = made.changes
    assert change.path == "src/reading_log/report.py"
    assert (
        "-    return len(books)" in change.diff
        and "+    return sum(book.pages for book in books)" in change.diff
    )
    run = recorded.run()
    assert "sum(book.pages" in (run.project.folder.path("tree") / "src/reading_log/report.py").read_text()
    assert [item.path for item in result.repairs] == ["src/reading_log/report.py"]
    prompt = next(a.text for a in recorded.server.asked if "# Task coding/repair" in a.text)
    assert "assert" in prompt and "723" in prompt and "def test_ac1_the_total_is_printed" in prompt


async def test_a_repair_that_was_paid_is_not_paid_again(recorded: Recorded) -> None:
    asked = answering(recorded, {**CODE, "coding/repair for src/reading_log/report.py": [text(GOOD)]})
    await verified(recorded)
    # Another threshold: the build is verified again, from the code as it was written.
    result = await verified(recorded, min_coverage=50)
    assert result.passed and result.rounds == () and result.repairs
    assert asked.count("coding/repair for src/reading_log/report.py") == 1


async def test_the_same_failures_twice_stop_it_and_a_model_is_asked_in_between(recorded: Recorded) -> None:
    fault = json.dumps({"side": "code", "reason": "the criterion says 723"})
    asked = answering(
        recorded,
        {
            **CODE,
            "coding/repair for src/reading_log/report.py": [text(BROKEN + "\n# again\n")],
            "bug_triage/fault": [fault],
        },
    )
    result = await verified(recorded)
    assert not result.passed and "no progress" in result.stopped
    assert asked[1:] == ["coding/repair for src/reading_log/report.py", "bug_triage/fault",
                         "coding/repair for src/reading_log/report.py"]  # fmt: skip
    assert [r.kept for r in result.rounds] == [False, False]
    assert result.rounds[1].reason == "the criterion says 723"
    assert result.repairs == (), "what did not help is not kept"


async def test_a_worse_tree_is_never_kept(recorded: Recorded) -> None:
    fault = json.dumps({"side": "code", "reason": "it counts"})
    answering(
        recorded,
        {
            **CODE,
            "coding/repair for src/reading_log/report.py": [text(WORSE), text(WORSE + "\n# again\n")],
            "bug_triage/fault": [fault],
        },
    )
    result = await verified(recorded)
    assert not result.passed and not any(r.kept for r in result.rounds)
    assert len(result.rounds[0].left) == 2 and len(result.rounds[0].failed) == 1
    published = recorded.run().project.folder.path("tree") / "src/reading_log/report.py"
    assert published.read_text() == BROKEN


async def test_rounds_are_limited(recorded: Recorded) -> None:
    answering(recorded, {**CODE, "coding/repair for src/reading_log/report.py": [text(GOOD)]})
    result = await verified(recorded, repair_rounds=0)
    assert not result.passed and "HISHAMOS_REPAIR_ROUNDS" in result.stopped
    with pytest.raises(VerificationError):
        await build(recorded.run(repair_rounds=0, deliver="all"))


async def test_a_budget_stops_it_and_the_best_tree_stays(recorded: Recorded) -> None:
    answering(recorded, {**CODE, "coding/repair for src/reading_log/report.py": [text(GOOD)]})
    run = recorded.run()
    await build(run, until="ci_config")
    spent = run.project.store.calls.spent(run.key).cost_usd
    result = await verified(recorded, budget_project_usd=spent + 0.000001)
    assert not result.passed and result.rounds == ()
    assert "budget" in result.stopped.lower()
    assert (await verified(recorded)).passed, "with the budget raised, the next build goes on"


async def test_a_wrong_test_is_corrected_with_its_reason_but_never_weakened(recorded: Recorded) -> None:

    exact = '    assert capsys.readouterr().out == "723\\n"\n'
    weaker = GOOD_TEST.replace(exact, "    assert capsys.readouterr().out\n")
    assert weaker != GOOD_TEST
    asked = answering(
        recorded,
        {
            f"qa/story_tests for tests/{TEST}": [text(BAD_TEST)],
            f"qa/repair for tests/{TEST}": [repaired(weaker), repaired(GOOD_TEST)],
        },
    )
    result = await verified(recorded)
    assert result.passed
    (made,) = result.rounds
    assert (made.side, made.role) == ("test", "qa") and "capsys, not printed" in made.reason
    assert asked.count(f"qa/repair for tests/{TEST}") == 2, "the weaker answer was sent back"
    again = next(a.text for a in reversed(recorded.server.asked) if "# Task qa/repair" in a.text)
    assert "asserts less exactly than it did" in again


async def test_code_that_no_test_runs_is_a_fault_of_the_tests(recorded: Recorded) -> None:
    """Coverage: the tests of a story that the module serves are told which lines they never run."""
    name = "test_us_001_add_a_book.py"
    usual = (READING_LOG / "qa" / f"{name}.txt").read_text()
    more = usual.replace(
        '    assert "pages" in capsys.readouterr().err\n',
        '    assert "pages" in capsys.readouterr().err\n    assert main(["--data", str(path), "add", "", "9"]) == 1\n'
        '    assert "title" in capsys.readouterr().err\n',
    )
    asked = answering(recorded, {f"qa/repair for tests/{name}": [repaired(more)]})
    result = await verified(recorded, min_coverage=100)
    assert asked == [f"qa/repair for tests/{name}"]
    prompt = next(a.text for a in recorded.server.asked if "# Task qa/repair" in a.text)
    assert "src/reading_log/storage.py: never run: 29" in prompt
    assert result.passed and result.coverage == 100


async def test_a_failure_that_cannot_be_mended_does_not_stop_the_others(recorded: Recorded) -> None:
    """The README shows a command that fails, and no answer mends it; the wrong code is mended all the same."""
    readme = (
        READING_LOG / "documentation" / "README.md.txt"
    ).read_text() + "\n```sh\nreading-log no-such-command\n```\n"
    impossible = json.dumps({"outcome": "impossible", "reason": "the command was never planned"})
    asked = answering(
        recorded,
        {
            **CODE,
            "documentation/document for README.md": [text(readme)],
            "coding/repair for src/reading_log/report.py": [text(GOOD)],
            "documentation/repair": [impossible],
        },
    )
    result = await verified(recorded)
    assert {check.name for check in result.checks if not check.passed} == {"readme_commands"}
    assert result.stopped == "cannot be mended: the command was never planned"
    assert [(item.side, item.kept) for item in result.rounds] == [("code", True), ("document", False)]
    assert asked.count("documentation/repair") == 1
    partly = await verified(recorded, deliver="verified")
    assert partly.passed and partly.deferrals == () and len(partly.stories_verified) == 3
    tree = recorded.run().project.blobs(file.sha256 for file in partly.files if file.path == "README.md")
    assert all("no-such-command" not in content for content in tree.values()), (
        "what fails is not shown to readers"
    )


async def test_a_repairer_may_name_another_file_or_another_side(recorded: Recorded) -> None:
    """A failing test is first put down to one file; each repairer passes it on until the one at fault is corrected."""
    cli = (READING_LOG / "coding" / "cli.py.txt").read_text()
    broken = cli.replace("total_pages(", "1 + total_pages(")
    assert broken != cli
    elsewhere = {"outcome": "other_file", "path": "src/reading_log/cli.py", "reason": "the sum is right here"}
    asked = answering(
        recorded,
        {
            "coding/new for src/reading_log/cli.py": [text(broken)],
            "coding/repair for src/reading_log/report.py": [json.dumps(elsewhere)],
            "coding/repair for src/reading_log/cli.py": [text(cli)],
        },
    )
    result = await verified(recorded)
    assert result.passed
    assert asked[-1] == "coding/repair for src/reading_log/cli.py"
    assert all(item.calls <= 1 for item in result.rounds)


async def test_nobody_corrects_what_follows_from_the_plan(recorded: Recorded) -> None:
    """Naming ``pyproject.toml`` as the file at fault would let a model switch checks off."""
    answers = [
        json.dumps({"outcome": "other_file", "path": "pyproject.toml", "reason": "lint is too strict"}),
        text(GOOD),
    ]
    answering(recorded, {**CODE, "coding/repair for src/reading_log/report.py": answers})
    result = await verified(recorded)
    assert result.passed and [c.path for item in result.rounds for c in item.changes] == [
        "src/reading_log/report.py"
    ]
    said = [asked.text for asked in recorded.server.asked if "# Task coding/repair" in asked.text]
    assert "follows from the plan, and nobody corrects it" in said[-1]


async def test_an_answer_that_corrects_nothing_says_why(recorded: Recorded) -> None:
    nothing = [json.dumps({"outcome": "other_file", "path": "src/nowhere.py", "reason": "x"}),
               json.dumps({"outcome": "plan_at_fault", "reason": ""}),
               json.dumps({"outcome": "plan_at_fault", "reason": "there is no function for it"})]  # fmt: skip
    same = [json.dumps({"files": []})]
    answering(
        recorded, {**CODE, "coding/repair for src/reading_log/report.py": nothing, "architect/revise": same}
    )
    result = await verified(recorded)
    assert result.stopped == "the plan has to change: there is no function for it"
    said = [asked.text for asked in recorded.server.asked if "# Task coding/repair" in asked.text]
    assert "which is no other file of the project" in said[1] and "has to say why" in said[2]


def test_a_kill_during_a_round_repeats_no_paid_call(recorded: Recorded) -> None:
    asked = answering(recorded, {**CODE, "coding/repair for src/reading_log/report.py": [text(GOOD)]})
    given = recorded.settings
    environment = {
        **os.environ,
        "HISHAMOS_HOME": str(given.home),
        "HISHAMOS_LLM": MODEL,
        "HISHAMOS_LLM_URLS": json.dumps(dict(given.llm_urls)),
        "HISHAMOS_LLM_PER_MINUTE": "10000",
    }
    argv = [sys.executable, "-m", "hishamos_pipeline.cli.main", "build", "reading-log"]
    process = subprocess.Popen(argv, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    staging = given.projects_dir / "reading-log" / "staging" / "verified_build" / "round-1" / "work"
    deadline = time.monotonic() + 120
    while not staging.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = len(recorded.server.asked)
    assert asked.count("coding/repair for src/reading_log/report.py") == 1
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert asked.count("coding/repair for src/reading_log/report.py") == 1
    new = [a.text for a in recorded.server.asked[before:]]
    assert all("# Task code_review/review" in item for item in new)


LONGEST = """

def longest(books: Sequence[Book]) -> int:
    \"\"\"Pages of the longest book.\"\"\"
    return max(book.pages for book in books)
"""
REVISED = {
    "path": "src/reading_log/report.py", "purpose": "Books as text and figures.",
    "requirements": ["REQ-002", "REQ-003"],
    "depends_on": ["src/reading_log/storage.py"],
    "interface": 'def lines(books: Sequence[Book]) -> list[str]:\n    """One line for each book."""\n\n'
    'def total_pages(books: Sequence[Book]) -> int:\n    """The sum of the pages."""\n\n'
    'def longest(books: Sequence[Book]) -> int:\n    """Pages of the longest book."""\n',
}  # fmt: skip
AT_FAULT = json.dumps({"outcome": "plan_at_fault", "reason": "nothing is planned for the longest book"})


async def test_a_plan_at_fault_is_revised_and_what_depends_on_it_made_again(recorded: Recorded) -> None:
    asked = answering(
        recorded,
        {
            "coding/new for src/reading_log/report.py": [text(BROKEN), text(GOOD + LONGEST)],
            "coding/repair for src/reading_log/report.py": [AT_FAULT],
            "architect/revise": [json.dumps({"files": [REVISED]})],
        },
    )
    run = recorded.run()
    await build(run, until="sprint_plan")
    await build(run, until="ci_config")
    made = await run.make("verified_build")
    assert made.document.passed and made.document.plan_faults == ()
    assert made.row.revision == 2, "what the first has found stays in the history"
    assert {"architecture", "source_code"} <= made.remade.keys() and "stories" not in made.remade
    assert asked == [
        "coding/new for src/reading_log/report.py",
        "coding/repair for src/reading_log/report.py",
        "architect/revise",
        "coding/new for src/reading_log/report.py",
    ]
    plan = run.project.read("architecture", Architecture)
    assert plan.faults_found == ("src/reading_log/report.py: nothing is planned for the longest book",)
    assert run.project.store.artifacts.head(run.key, "architecture").reason == (  # type: ignore[union-attr]
        "its verification has found it at fault"
    )
    prompt = next(a.text for a in recorded.server.asked if "# Task architect/revise" in a.text)
    assert "nothing is planned for the longest book" in prompt and "found its plan at fault" in prompt
    assert {step.kind for step in run.plan()}.isdisjoint({"architecture", "verified_build"})


async def test_a_plan_is_revised_once(recorded: Recorded) -> None:
    asked = answering(
        recorded,
        {
            "coding/new for src/reading_log/report.py": [text(BROKEN), text(BROKEN + LONGEST)],
            "coding/repair for src/reading_log/report.py": [AT_FAULT],
            "architect/revise": [json.dumps({"files": [REVISED]})],
        },
    )
    result = await verified(recorded)
    assert not result.passed and result.plan_faults == ()
    assert "nothing is planned" in result.stopped
    assert (
        asked.count("architect/revise") == 1
        and asked.count("coding/repair for src/reading_log/report.py") == 2
    )
    assert "architecture" not in {step.kind for step in recorded.run().plan()}


async def test_where_the_architect_has_no_valid_answer_the_rest_is_delivered(recorded: Recorded) -> None:
    asked = answering(
        recorded,
        {
            "coding/new for src/reading_log/report.py": [text(BROKEN)],
            "coding/repair for src/reading_log/report.py": [AT_FAULT],
            "architect/revise": [json.dumps({"files": [{**REVISED, "path": "../report.py"}]})],
        },
    )
    run = recorded.run(deliver="verified")
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.passed and [item.story for item in result.deferrals] == ["US-003"]
    assert asked.count("architect/revise") > 1, "it was told what is wrong with its answer"
    assert run.project.store.projects.get(run.key).state == "exported"
    assert run.plan() == ()


async def test_an_architect_who_cannot_be_asked_is_asked_by_the_next_build(recorded: Recorded) -> None:
    asked = answering(
        recorded,
        {
            "coding/new for src/reading_log/report.py": [text(BROKEN), text(GOOD + LONGEST)],
            "coding/repair for src/reading_log/report.py": [AT_FAULT],
        },
    )
    usual = recorded.server.answer
    recorded.server.answer = lambda a: Reply(status=503) if "architect/revise" in a.text else usual(a)
    with pytest.raises(ModelError):
        await build(recorded.run(deliver="verified", llm_retries=0))
    run = recorded.run()
    assert run.project.store.projects.get(run.key).state == "failed"
    recorded.server.answer = usual
    asked += answering(recorded, {"architect/revise": [json.dumps({"files": [REVISED]})]})
    await build(recorded.run())
    assert run.project.read("verified_build", VerifiedBuild).passed
    assert run.project.read("architecture", Architecture).faults_found


async def test_where_no_model_is_asked_a_fault_is_left_to_its_story(
    settings: Settings, notes_idea: Idea
) -> None:
    run = Services(settings.model_copy(update={"repair_rounds": 3})).project(notes_idea.key)
    run.project.store.projects.submit(notes_idea, "test")
    await build(run, until="ci_config")
    items = editing.current_items(run.project, "source_code")
    path = next(name for name in items if "/services/" in name and not name.endswith("__init__.py"))
    digest = items[path]["sha256"]
    broken = run.project.blobs([digest])[digest].replace("return ", "return not ", 1)
    changed = {**items, path: editing.file_item(run.project, "source_code", path, broken)}
    edits = edits_between("source_code", items, changed)
    editing.apply_edits(run.project, "source_code", edits, author="a", reason="r")
    await build(run, until="verified_build")
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.rounds == () and (not result.passed or result.deferrals)
