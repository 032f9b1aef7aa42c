"""A change asks for the files that it touches: they are shown as they are, and the others stay."""

import json
import re
from collections.abc import Mapping

import pytest

from hishamos_pipeline.changing import editing
from hishamos_pipeline.changing.forecast import forecast
from hishamos_pipeline.core.artifacts.documents import FileSet, TestSuite
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.generation.rewritten_files import rewritten_files
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.units import REWRITTEN
from hishamos_pipeline.store.units.repository import MadeUnit
from tests.fakes.recorded import READING_LOG
from tests.generation.conftest import Recorded
from tests.support.answering import answering
from tests.support.building import build

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
REPORT, STORAGE, CLI = (f"src/reading_log/{name}.py" for name in ("report", "storage", "cli"))
TOTAL = "tests/test_us_003_see_the_total.py"
CODE = (READING_LOG / "coding" / "report.py.txt").read_text()
STORED = (READING_LOG / "coding" / "storage.py.txt").read_text()
TESTS = (READING_LOG / "qa" / "test_us_003_see_the_total.py.txt").read_text()
_TASK = re.compile(r"# Task ([a-z_]+/[a-z_]+(?: for [^\\\s]+)?)")
KINDS = ("source_code", "test_suite", "documentation")


def text(content: str) -> str:
    return json.dumps({"text": content})


def edit(run: ProjectRun, artifact: str, item: str, path: str, value: object) -> None:
    """Change one value of an item, as a person does."""
    items = editing.current_items(run.project, artifact)
    content = editing.with_value(items[item], path, value)
    if artifact == "architecture":
        content = editing.planned_item(item, content)
    edits = edits_between(artifact, items, {**items, item: content})
    editing.apply_edits(run.project, artifact, edits, author="ann", reason="r")


async def make(recorded: Recorded, **settings: object) -> None:
    """The files of all kinds."""
    for kind in KINDS:
        await build(recorded.run(**settings), until=kind)


def files(recorded: Recorded) -> dict[str, str]:
    """Texts of all files by path."""
    project = recorded.run().project
    sets = [project.read(kind, TestSuite if kind == "test_suite" else FileSet) for kind in KINDS]
    return {file.path: project.blobs([file.sha256])[file.sha256] for made in sets for file in made.files}


class Asked:
    """What is asked from now on."""

    def __init__(self, recorded: Recorded, answers: Mapping[str, list[str]]) -> None:
        self._recorded = recorded
        recorded.server.asked.clear()
        answering(recorded, dict(answers))

    @property
    def tasks(self) -> list[str]:
        """Tasks with the files that they are about, in order."""
        found = [_TASK.search(one.text) for one in self._recorded.server.asked]
        return [match[1] for match in found if match]


def prompt(recorded: Recorded, task: str) -> str:
    return next(one.text for one in recorded.server.asked if f"# Task {task}" in one.text)


async def test_a_changed_criterion_asks_for_its_code_and_its_test_alone(recorded: Recorded) -> None:
    await make(recorded)
    before = files(recorded)
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 pages` is printed")
    code = CODE.replace('"""The sum of the pages."""', '"""The sum of the pages of all books."""')
    answers = {
        f"coding/revise for {REPORT}": [text(code)],
        f"qa/revise for {TOTAL}": [text(TESTS.replace('"723\\n"', '"723 pages\\n"'))],
    }
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    assert [plan[kind].units for kind in KINDS] == [(REPORT,), (TOTAL,), ()], "what is asked is foretold"
    assert plan["source_code"].kept == 6 and plan["source_code"].certain == plan["source_code"].most
    assert plan["source_code"].certain.calls == 1
    asked = Asked(recorded, answers)
    await make(recorded)
    assert sorted(asked.tasks) == sorted(answers)
    changed = {path for path, made in files(recorded).items() if before.get(path) != made}
    assert changed == {REPORT, TOTAL}
    shown = prompt(recorded, "coding/revise")
    assert "return sum(book.pages for book in books)" in shown, "the file as it is"
    assert "+Then `723 pages` is printed" in shown and "US-001" not in shown
    asked = Asked(recorded, {})
    await make(recorded)
    assert asked.tasks == []


async def test_prose_of_a_module_asks_for_that_module_alone(recorded: Recorded) -> None:
    await make(recorded)
    run = recorded.run()
    interface = editing.current_item(run.project, "architecture", STORAGE)["interface"]
    edit(run, "architecture", STORAGE, "interface", interface.replace("a book:", "A volume:").replace(
        "The books in the order", "All books in the order"))  # fmt: skip
    asked = Asked(recorded, {f"coding/revise for {STORAGE}": [text(STORED)]})
    await make(recorded)
    assert asked.tasks == [f"coding/revise for {STORAGE}"]


async def test_a_signature_asks_for_those_who_use_it(recorded: Recorded) -> None:
    await make(recorded)
    run = recorded.run()
    stub = editing.current_item(run.project, "architecture", REPORT)["interface"]
    edit(run, "architecture", REPORT, "interface", stub.replace(
        "total_pages(books: Sequence[Book])", "total_pages(books: Sequence[Book], least: int = 0)"))  # fmt: skip
    code = CODE.replace(
        "total_pages(books: Sequence[Book])", "total_pages(books: Sequence[Book], least: int = 0)"
    ).replace("for book in books)", "for book in books if book.pages >= least)")
    cli = (READING_LOG / "coding" / "cli.py.txt").read_text()
    answers = {f"coding/revise for {REPORT}": [text(code)], f"coding/revise for {CLI}": [text(cli)]}
    documents = {"documentation/revise": [text((READING_LOG / "documentation" / "usage.md.txt").read_text())]}
    asked = Asked(recorded, {**answers, **documents})
    await make(recorded)
    assert set(answers) <= set(asked.tasks) and not [name for name in asked.tasks if name.startswith("qa/")]
    assert "+def total_pages(books: Sequence[Book], least: int=0) -> int:" in prompt(
        recorded, f"coding/revise for {CLI}"
    )


async def test_a_change_and_its_opposite_bring_the_old_files_back_unasked(recorded: Recorded) -> None:
    await make(recorded)
    before = files(recorded)
    then = editing.current_item(recorded.run().project, "stories", "US-003")["criteria"][0]["then"]
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "nothing is printed")
    await_answers = {
        f"coding/revise for {REPORT}": [text(CODE.replace("return sum(", "return 0 + sum("))],
        f"qa/revise for {TOTAL}": [text(TESTS.replace('"723\\n"', '""'))],
    }
    Asked(recorded, await_answers)
    await make(recorded)
    assert files(recorded) != before
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", then)
    asked = Asked(recorded, {})
    await make(recorded)
    assert asked.tasks == [] and files(recorded) == before


async def test_a_file_written_anew_goes_back_once(recorded: Recorded) -> None:
    await make(recorded)
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 pages` is printed")
    another = (
        '"""Figures."""\n\nfrom collections.abc import Sequence\n\nfrom reading_log.storage import Book\n\n\n'
    )
    functions = "\n\n\n".join(
        f'def {name}(books: Sequence[Book]) -> {kind}:\n    """Other words."""\n    found = {empty}\n'
        f"    for one in books:\n        found = found + {step}\n    return found"
        for name, kind, empty, step in (
            ("lines", "list[str]", "list[str]()", 'one.title.split("\\n")'),
            ("total_pages", "int", "0", "one.pages"),
        )
    )
    padded = CODE + "\n\n".join(f"\ndef _f{n}() -> int:\n    return {n}\n" for n in range(6))
    asked = Asked(
        recorded,
        {
            f"coding/revise for {REPORT}": [text(padded)],
            f"qa/revise for {TOTAL}": [text(TESTS.replace('"723\\n"', '"723 pages\\n"'))],
        },
    )
    await make(recorded)
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 in all` is printed")
    asked = Asked(
        recorded,
        {
            f"coding/revise for {REPORT}": [text(another + functions + "\n")],
            f"qa/revise for {TOTAL}": [text(TESTS.replace('"723\\n"', '"723 in all\\n"'))],
        },
    )
    await make(recorded)
    assert asked.tasks.count(f"coding/revise for {REPORT}") == 2, (
        "a second answer is asked for once, and then taken"
    )
    again = [one.text for one in recorded.server.asked if f"coding/revise for {REPORT}" in one.text][-1]
    assert "lines of the file are others now, although only this has changed: criterion US-003-AC1" in again
    assert "one.pages" in files(recorded)[REPORT]


async def test_a_file_that_is_written_anew_again_is_told(recorded: Recorded) -> None:
    await make(recorded)
    assert rewritten_files(recorded.run().project) == ()
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 pages` is printed")
    body = "    found = [1]\n    found.append(2)\n    found.append(3)\n    return found\n"
    padded = CODE + "\n\n".join(f"\ndef _f{n}() -> list[int]:\n{body}" for n in range(9))
    anew = padded.replace("_f", "_g").replace("found", "made")
    tests = text(TESTS.replace('"723\\n"', '"723 pages\\n"'))
    Asked(recorded, {f"coding/revise for {REPORT}": [text(padded)], f"qa/revise for {TOTAL}": [tests]})
    await make(recorded)
    assert rewritten_files(recorded.run().project) == (), "what is only longer is not written anew"
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723` is printed")
    Asked(recorded, {f"coding/revise for {REPORT}": [text(anew)], f"qa/revise for {TOTAL}": [text(TESTS)]})
    await make(recorded)
    (told,) = rewritten_files(recorded.run().project)
    assert told.startswith(f"{REPORT}: ") and told.endswith("lines changed for criterion US-003-AC1")
    await build(recorded.run(), until="verified_build")
    assert rewritten_files(recorded.run().project) == (told,), "the build that has written it so tells it"
    edit(recorded.run(), "stories", "US-003", "priority", "could")
    await build(recorded.run(), until="verified_build")
    project = recorded.run().project
    assert rewritten_files(project) == (), "the next one does not"
    unit = MadeUnit(TOTAL, sha256_text("another"), files(recorded)[TOTAL], reason=f"{REWRITTEN}a reason")
    project.store.units.add(project.key, "test_suite", [unit])
    assert rewritten_files(project) == (), "nor does it of tests"


async def test_a_file_stays_by_one_word(recorded: Recorded) -> None:
    await make(recorded)
    before = files(recorded)
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 pages` is printed")
    answers = {
        f"coding/revise for {REPORT}": [json.dumps({"unchanged": True})],
        f"qa/revise for {TOTAL}": [json.dumps({"unchanged": True, "text": TESTS}), text(TESTS)],
    }
    asked = Asked(recorded, answers)
    await make(recorded)
    assert files(recorded) == before and len(asked.tasks) == 3
    assert "leave it out and say `unchanged`" in recorded.server.asked[-1].text


async def test_where_no_change_will_do_the_file_is_written_anew(recorded: Recorded) -> None:
    await make(recorded)
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 pages` is printed")
    answers = {
        f"coding/revise for {REPORT}": [text("def nothing(:")],
        f"coding/new for {REPORT}": [text(CODE)],
        f"qa/revise for {TOTAL}": [text(TESTS)],
    }
    asked = Asked(recorded, answers)
    await make(recorded, llm_rounds=1)
    assert (
        asked.tasks.count(f"coding/revise for {REPORT}") == 2
        and asked.tasks.count(f"coding/new for {REPORT}") == 1
    )


async def test_a_new_title_renames_the_test_and_keeps_it(recorded: Recorded) -> None:
    await make(recorded)
    edit(recorded.run(), "stories", "US-003", "title", "Know the total")
    readme = (READING_LOG / "documentation" / "README.md.txt").read_text()
    asked = Asked(recorded, {"documentation/revise for README.md": [text(readme)]})
    await make(recorded)
    files_asked = [name for name in asked.tasks if " for " in name]
    assert files_asked == ["documentation/revise for README.md"]
    assert files(recorded)["tests/test_us_003_know_the_total.py"] == files(recorded).get(TOTAL, TESTS)


async def test_all_is_asked_anew_where_that_is_wanted(recorded: Recorded) -> None:
    await make(recorded)
    edit(recorded.run(), "stories", "US-003", "criteria.0.then", "`723 pages` is printed")
    recorded.server.asked.clear()
    await build(recorded.run(llm_cache="refresh"), until="source_code")
    assert "# Task coding/new for" in recorded.server.asked[-1].text
    assert not [one for one in recorded.server.asked if "coding/revise" in one.text]
