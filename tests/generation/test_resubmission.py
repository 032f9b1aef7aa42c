"""A brief that is submitted again asks for what has changed of it, and ids stay with what they mean."""

import json
from collections.abc import Mapping

import pytest

from hishamos_pipeline.changing import proposing
from hishamos_pipeline.changing.forecast import Forecast, forecast, keep_forecast
from hishamos_pipeline.core.artifacts.documents import Architecture, FileSet, Requirements, Stories
from hishamos_pipeline.core.artifacts.idea import Section
from hishamos_pipeline.errors import ModelError
from hishamos_pipeline.generation.producers.requirements import changed_sections, new_names
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.section_words import words
from hishamos_pipeline.intake.brief import read_brief
from tests.generation.conftest import Recorded
from tests.generation.test_kept_files import Asked, edit
from tests.support.building import build

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
SECOND = {
    "kind": "functional", "title": "List the books", "statement": "The reader sees the books, the longest first.",
    "acceptance": ["The longest comes first."], "actor": "reader", "sections": ["listing"], "source": "longest first",
}  # fmt: skip
BRIEF = """\
# Reading log

{intro}

## Adding

- User can add a book with a title and a number of pages

## Listing

- User can list the books{order}

## Figures

- User can see how many pages were read in all
"""


def brief(intro: str = "Keeps the books that one person has read.", order: str = "", more: str = "") -> str:
    return BRIEF.format(intro=intro, order=order) + more


def submit(recorded: Recorded, text: str) -> None:
    idea = read_brief(text.encode(), "brief.md").model_copy(update={"key": recorded.model.name})
    recorded.services().store.projects.submit(idea, "test")


def cites(recorded: Recorded, names: Mapping[str, str] | None = None) -> str:
    """The recorded requirements, each citing the section of this brief that it takes up, under its name there."""
    made = json.loads(recorded.model._text("business_analyst", "requirements", ""))
    where = {"Add a book": "adding", "List the books": "listing", "Total pages": "figures"}
    for item in made["requirements"]:
        section = where.get(item["title"], "")
        item["sections"], item["source"] = (
            [(names or {}).get(section, section)] if item["title"] in where else [],
            "",
        )
    made["prescriptions"] = {}
    return json.dumps(made)


async def made(recorded: Recorded, until: str = "source_code") -> None:
    for kind in ("requirements", "architecture", "stories", until):
        await build(recorded.run(), until=kind)


async def started(recorded: Recorded) -> None:
    """The project of the brief as it is first."""
    submit(recorded, brief())
    Asked(recorded, {"business_analyst/requirements": [cites(recorded)]})
    await made(recorded)


def wanted(recorded: Recorded) -> Requirements:
    return recorded.run().project.read("requirements", Requirements)


async def test_white_space_asks_for_nothing(recorded: Recorded) -> None:
    await started(recorded)
    before = recorded.run().project.read("source_code", FileSet)
    submit(recorded, brief().replace("\n- User", "\n\n-  User").replace("one person", "one\nperson"))
    asked = Asked(recorded, {})
    await made(recorded)
    assert asked.tasks == []
    assert recorded.run().project.read("source_code", FileSet) == before


NUMBERED = """\
# Reading log

Keeps the books that one person has read.
{more}
## {0}. Adding

- User can add a book with a title and a number of pages

## {1}. Listing

- User can list the books
   - in the order
     in which they were added

## {2}. Figures

- User can see how many pages were read in all
"""


async def numbered(recorded: Recorded) -> None:
    """The requirements of the brief with numbers as it is first."""
    submit(recorded, NUMBERED.format(1, 2, 3, more=""))
    Asked(
        recorded,
        {"business_analyst/requirements": [cites(recorded, {"adding": "1", "listing": "2", "figures": "3"})]},
    )
    await made(recorded, until="requirements")


async def test_sections_under_another_number_are_the_same(recorded: Recorded) -> None:
    await numbered(recorded)
    submit(recorded, NUMBERED.format(2, 3, 4, more="\n## 1. About\n\nIt is for one person.\n"))
    asked = Asked(recorded, {"business_analyst/revise_requirements": [json.dumps({})]})
    await build(recorded.run(), until="requirements")
    assert asked.tasks == ["business_analyst/revise_requirements"]
    (said,) = (one.text for one in recorded.server.asked)
    assert "+It is for one person." in said and "+- User can" not in said
    found = {item.title: item.sections for item in wanted(recorded).requirements if item.sections}
    assert found == {"Add a book": ("2",), "List the books": ("3",), "Total pages": ("4",)}


def test_what_stands_several_times_is_moved_nowhere() -> None:
    def sections(text: str) -> tuple[Section, ...]:
        return read_brief(f"# T\n\n## Features\n\n- User can add a note\n\n{text}".encode(), "a.md").whole

    add, delete = ("## Add\n\n### Errors\n\nIt says so.\n", "## Delete\n\n### Errors\n\nIt says so.\n")
    assert new_names(sections(add + delete), sections(add)) == {}
    assert new_names(sections(delete + add), sections(add)) == {}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("## 3 lives per game", "## 4 lives per game"),
        ("## 1.5 hours per session", "## 2.5 hours per session"),
        ("## 2 players\n\na\n\n## 3 rounds\n\nb", "## 3 players\n\na\n\n## 4 rounds\n\nb"),
        ("## Data\n\n    if a:\n        b\n    c", "## Data\n\n    if a:\n        b\n        c"),
        ("## Data\n\n\tif a:\n\t\tb\n\tc", "## Data\n\n\tif a:\n\t\tb\n\t\tc"),
        ("## Data\n\n- one\n\nText.\n\n    a  b", "## Data\n\n- one\n\nText.\n\n    a b"),
    ],
)
def test_a_figure_in_a_heading_and_white_space_in_code_say_something(before: str, now: str) -> None:
    assert said(before, now) != said(now, before)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("## 1 Setup\n\na\n\n## 2 Use\n\nb", "## 2 Setup\n\na\n\n## 3 Use\n\nb"),
        ("## 1. Use\n\na b\n\n### 1.1 Add\n\nc", "## 2. Use\n\na\nb\n\n### 2.1 Add\n\nc"),
        ("## Use\n\n- a b\n    c", "## Use\n\n- a\n    b c"),
    ],
)
def test_the_number_of_a_section_and_where_its_lines_end_say_nothing(before: str, now: str) -> None:
    assert said(before, now) == said(now, before)


def said(*texts: str) -> list[object]:
    """What the sections of a text say beside those of another."""
    briefs = [
        read_brief(f"# T\n\n## Features\n\n- User can add a note\n\n{text}".encode(), "a.md").whole
        for text in texts
    ]
    return list(words(*briefs).values())


def test_a_section_beside_another_one_is_not_changed_by_it() -> None:
    def sections(text: str) -> tuple[Section, ...]:
        return read_brief(f"# T\n\n## Features\n\n- User can add a note\n\n{text}".encode(), "a.md").whole

    alone, both = sections("## 1 Overview\n\na"), sections("## 1 Overview\n\na\n\n## 2 More\n\nb")
    assert [change.name for change in changed_sections(alone, both)] == ["section 2"]
    assert [change.name for change in changed_sections(both, alone)] == ["section 2"]


async def test_lines_may_end_elsewhere(recorded: Recorded) -> None:
    await numbered(recorded)
    wrapped = NUMBERED.replace("the order\n     in which", "the\n     order in which")
    submit(recorded, wrapped.format(1, 2, 3, more=""))
    asked = Asked(recorded, {})
    await build(recorded.run(), until="requirements")
    assert asked.tasks == []


async def test_a_requirement_whose_sections_are_gone_says_where_it_stands_now(recorded: Recorded) -> None:
    await started(recorded)
    moved = brief().replace(
        "## Listing\n\n- User can list the books", "## Looking\n\n- User can look at the books"
    )
    submit(recorded, moved)
    again = {
        "change": "MODIFIED",
        "id": "REQ-002",
        "content": {**SECOND, "sections": ["looking"], "source": ""},
    }
    answers = [json.dumps({"same": ["REQ-002"]}), json.dumps({"requirements": [again]})]
    Asked(recorded, {"business_analyst/revise_requirements": answers})
    await build(recorded.run(), until="requirements")
    assert "REQ-002 cites only sections that are gone" in recorded.server.asked[-1].text
    assert next(r for r in wanted(recorded).requirements if r.id == "REQ-002").sections == ("looking",)


async def test_what_is_asked_is_foretold(recorded: Recorded) -> None:
    await started(recorded)
    submit(recorded, brief().replace("\n- User", "\n\n-  User"))
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    assert [
        plan[kind].expected.calls for kind in ("requirements", "architecture", "stories", "source_code")
    ] == [0] * 4
    submit(recorded, brief(order=", the longest first"))
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    figures = {kind: (item.certain.calls, item.expected.calls) for kind, item in plan.items()}
    assert figures["requirements"] == (1, 1)
    assert figures["architecture"] == figures["stories"] == (0, 1)
    assert plan["source_code"].likely == ("src/reading_log/storage.py", "src/reading_log/report.py")
    assert "src/reading_log/cli.py" in plan["source_code"].perhaps
    assert plan["source_code"].most.calls > plan["source_code"].expected.calls == 2
    submit(recorded, brief(order=", with an option for the longest first"))
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    users = ("src/reading_log/storage.py", "src/reading_log/report.py", "src/reading_log/cli.py")
    assert plan["source_code"].likely == users, "who calls what is given something else probably changes too"


async def test_a_sentence_that_the_brief_says_later_is_foretold_to_change_nothing(recorded: Recorded) -> None:
    await started(recorded)
    run = recorded.run()
    edit(run, "requirements", "REQ-002", "statement", "The reader lists the books, the longest first.")
    submit(recorded, brief(order=", the longest first"))
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    assert plan["requirements"].certain.calls == 1
    assert plan["source_code"].likely == ()
    assert plan["architecture"].perhaps == plan["stories"].perhaps == ("",), "at most is at most"


async def test_a_forecast_that_breaks_stops_no_build(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await started(recorded)

    async def broken(run: ProjectRun) -> list[Forecast]:
        raise RuntimeError("no")

    monkeypatch.setattr("hishamos_pipeline.changing.forecast.forecast", broken)
    await keep_forecast(recorded.run(), "run-1")
    assert not recorded.run().project.store.forecasts.has(recorded.run().key, "run-1")
    assert "could not be foretold: no" in caplog.text


async def test_other_words_ask_one_question_and_change_nothing(recorded: Recorded) -> None:
    await started(recorded)
    project = recorded.run().project
    before = [
        project.read(kind, type_) for kind, type_ in (("architecture", Architecture), ("stories", Stories))
    ]
    submit(recorded, brief().replace("list the books", "list all of the books"))
    asked = Asked(recorded, {"business_analyst/revise_requirements": [json.dumps({"same": ["REQ-002"]})]})
    await made(recorded)
    assert asked.tasks == ["business_analyst/revise_requirements"]
    project = recorded.run().project
    assert before == [
        project.read(kind, type_) for kind, type_ in (("architecture", Architecture), ("stories", Stories))
    ]
    assert "list all of the books" in next(s.text for s in wanted(recorded).brief if s.id == "listing")


async def test_a_brief_that_says_again_what_it_said_before_asks_for_nothing(recorded: Recorded) -> None:
    await started(recorded)
    first = wanted(recorded)
    submit(recorded, brief(order=", the longest first"))
    answer = {"requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": SECOND}]}
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    await build(recorded.run(), until="requirements")
    assert wanted(recorded) != first
    submit(recorded, brief())
    asked = Asked(recorded, {})
    await made(recorded)
    assert asked.tasks == [] and wanted(recorded) == first


async def test_a_changed_section_changes_what_cites_it_alone(recorded: Recorded) -> None:
    await started(recorded)
    before = {item.id: item for item in wanted(recorded).requirements}
    submit(recorded, brief(order=", the longest first"))
    first = {
        "requirements": [
            {"change": "MODIFIED", "id": "REQ-003", "content": {**SECOND, "sections": ["figures"]}}
        ]
    }
    second = {"requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": SECOND}]}
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(first), json.dumps(second)]})
    await build(recorded.run(), until="requirements")
    said = recorded.server.asked[-1].text
    assert "REQ-003 is about sections that have not changed: leave it as it is" in said
    assert "REQ-002 cite sections that have changed: say of each" in said
    assert "+- User can list the books, the longest first" in recorded.server.asked[0].text
    after = {item.id: item for item in wanted(recorded).requirements}
    assert {name for name in after if after[name] != before.get(name)} == {
        "REQ-002"
    } and after.keys() == before.keys()
    assert after["REQ-002"].statement == SECOND["statement"] and wanted(recorded).revision_of == ""


async def test_what_is_added_and_removed_gets_new_ids_and_is_retired(recorded: Recorded) -> None:
    await started(recorded)
    count = len(wanted(recorded).requirements)
    figures = "## Figures\n\n- User can see how many pages were read in all\n"
    submit(recorded, brief(more="\n## Lending\n\n- User can lend a book\n").replace(figures, ""))
    lend = {
        **SECOND,
        "title": "Lend a book",
        "statement": "The reader lends a book.",
        "sections": ["lending"],
        "source": "",
    }
    answer = {
        "summary": "Books, and who has them.",
        "requirements": [{"change": "REMOVED", "id": "REQ-003"}, {"change": "ADDED", "content": lend}],
    }
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    await build(recorded.run(), until="requirements")
    now = wanted(recorded)
    assert now.summary == "Books, and who has them."
    assert [item.title for item in now.requirements if item.id == f"REQ-{count + 1:03}"] == ["Lend a book"]
    assert [item.id for item in now.retired] == ["REQ-003"]


async def test_what_a_person_has_written_stands_when_the_brief_changes(recorded: Recorded) -> None:
    await started(recorded)
    run = recorded.run()
    edit(run, "requirements", "REQ-001", "statement", "Mine.")
    submit(recorded, brief(order=", the longest first"))
    answer = {"requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": SECOND}]}
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    await build(recorded.run(), until="requirements")
    after = {item.id: item.statement for item in wanted(recorded).requirements}
    assert after["REQ-001"] == "Mine." and after["REQ-002"] == SECOND["statement"]
    assert run.project.store.edits.proposals(run.key) == []


async def test_a_brief_about_something_else_is_read_anew(recorded: Recorded) -> None:
    await started(recorded)
    submit(
        recorded,
        brief()
        .replace("## Adding", "## Logging")
        .replace("## Listing", "## Looking")
        .replace("## F", "## Nof"),
    )
    anew = json.loads(cites(recorded))
    for item in anew["requirements"]:
        item["sections"] = []
    asked = Asked(recorded, {"business_analyst/requirements": [json.dumps(anew)]})
    await build(recorded.run(), until="requirements")
    assert asked.tasks == ["business_analyst/requirements"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "REQ-002 cite sections that have changed"),
        ({"same": ["REQ-002", "REQ-002"]}, "REQ-002 is named twice"),
        ({"same": ["REQ-002", "REQ-099"]}, "there is no requirement 'REQ-099'"),
        ({"same": ["REQ-002"], "requirements": [{"change": "ADDED"}]}, "ADDED lacks its content"),
        ({"same": ["REQ-002"], "requirements": [{"change": "ADDED", "content": SECOND}]},
         "have the title 'list the books'"),
        ({"requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": {**SECOND, "sections": ["x"]}}]},
         "cites the section 'x'"),
    ],
)  # fmt: skip
async def test_an_answer_that_does_not_hold_together_goes_back(
    recorded: Recorded, answer: dict[str, object], said: str
) -> None:
    await started(recorded)
    submit(recorded, brief(order=", the longest first"))
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    with pytest.raises(ModelError, match="no valid answer"):
        await build(recorded.run(llm_rounds=1), until="requirements")
    assert said in recorded.server.asked[-1].text


async def test_a_document_is_added_to_the_brief_and_asks_for_what_it_changes(recorded: Recorded) -> None:
    await started(recorded)
    document = read_brief(
        b"# Part two\n\n## Lending\n\n- User can lend a book\n\n## Listing\n\nTitles only.\n", "2.md"
    )
    lend = {
        **SECOND,
        "title": "Lend a book",
        "statement": "The reader lends a book.",
        "sections": ["lending"],
        "source": "",
    }
    story = {
        "title": "Lend a book", "actor": "reader", "want": "to lend a book", "requirements": ["REQ-007"],
        "criteria": [{"given": "a book", "when": "I lend it", "then": "it is lent"}],
        "epic": "EP-001", "depends_on": [],
    }  # fmt: skip
    answers = {
        "business_analyst/revise_requirements": [
            json.dumps({"requirements": [{"change": "ADDED", "content": lend}]})
        ],
        "business_analyst/revise_stories": [json.dumps({"stories": [{"change": "ADDED", "content": story}]})],
        "architect/revise": [json.dumps({"files": []})],
    }
    asked = Asked(recorded, answers)
    run = recorded.run()
    before = wanted(recorded)
    change = await proposing.propose_document(run, "2.md", document)
    assert {(c.kind, c.item, c.status) for c in change.items} >= {
        ("requirements", "REQ-007", "ADDED"), ("stories", "US-004", "ADDED"),
    }  # fmt: skip
    assert wanted(recorded) == before, "nothing is changed yet"
    proposing.take_over(run.project, change, author="ann")
    rows, count = run.project.store.calls.rows(run.key), len(asked.tasks)
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    assert (run.project.store.calls.rows(run.key), len(asked.tasks)) == (rows, count), (
        "a plan leaves no trace"
    )
    assert plan["requirements"].most.calls == plan["stories"].most.calls == 0, "they are answered already"
    assert plan["architecture"].units == ("",)
    assert "tests/test_us_004_lend_a_book.py" in plan["test_suite"].likely
    assert plan["source_code"].likely == ("(new)",)
    assert plan["sprint_plan"].units == ("",)
    await made(recorded, until="stories")
    assert sorted(asked.tasks) == sorted(answers), "what was answered for the proposal is not paid again"
    plan = {item.step.kind: item for item in await forecast(recorded.run())}
    assert "tests/test_us_004_lend_a_book.py" in plan["test_suite"].units and not plan["test_suite"].perhaps
    sections = {section.id: section.text for section in wanted(recorded).brief}
    assert "list the books" in sections["listing"] and "Titles only." in sections["listing-2"]


async def test_a_change_that_a_model_has_worded_gives_way_to_what_it_words_next(recorded: Recorded) -> None:
    await started(recorded)
    changed = {**SECOND, "statement": "The reader sees the books by title."}
    wish = {
        "summary": "By title.",
        "requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": changed}],
    }
    Asked(recorded, {"business_analyst/change": [json.dumps(wish)]})
    run = recorded.run()
    proposing.take_over(run.project, await proposing.propose(run, "sort them by title"), author="ann")
    assert (
        next(r for r in wanted(recorded).requirements if r.id == "REQ-002").statement == changed["statement"]
    )
    submit(recorded, brief(order=", the longest first"))
    answer = {"requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": SECOND}]}
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    await build(recorded.run(), until="requirements")
    assert (
        next(r for r in wanted(recorded).requirements if r.id == "REQ-002").statement == SECOND["statement"]
    )
    assert (
        run.project.store.edits.proposals(run.key) == []
        and run.project.store.edits.active(run.key, "requirements") == []
    )


async def test_what_is_new_may_remove_what_was_asked_for_elsewhere(recorded: Recorded) -> None:
    await started(recorded)
    submit(recorded, brief(more="\n## Listing any more\n\nNobody lists books any more.\n"))
    answer = {"requirements": [{"change": "REMOVED", "id": "REQ-002"}]}
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    await build(recorded.run(), until="requirements")
    assert [item.id for item in wanted(recorded).retired] == ["REQ-002"]


async def test_what_comes_back_word_for_word_gets_its_own_id_back(recorded: Recorded) -> None:
    await started(recorded)
    old = next(item for item in wanted(recorded).requirements if item.id == "REQ-002")
    extra = "\n## Lists\n\nNobody lists.\n"
    submit(recorded, brief(more=extra))
    gone = {"requirements": [{"change": "REMOVED", "id": "REQ-002"}]}
    back = {
        "requirements": [{"change": "ADDED", "content": old.model_dump(include=set(SECOND) | {"priority"})}]
    }
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(gone), json.dumps(back)]})
    await build(recorded.run(), until="requirements")
    submit(recorded, brief(more=extra.replace("Nobody lists", "All list again")))
    await build(recorded.run(), until="requirements")
    now = wanted(recorded)
    assert old in now.requirements and old not in now.retired


async def test_what_a_person_has_written_is_never_taken_for_a_models_words(recorded: Recorded) -> None:
    await started(recorded)
    run = recorded.run()
    edit(run, "requirements", "REQ-002", "title", "Mine")
    changed = {**SECOND, "title": "Mine", "statement": "The reader sees the books by title."}
    wish = {
        "summary": "By title.",
        "requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": changed}],
    }
    Asked(recorded, {"business_analyst/change": [json.dumps(wish)]})
    proposing.take_over(run.project, await proposing.propose(run, "sort them by title"), author="bob")
    submit(recorded, brief(order=", the longest first"))
    answer = {"requirements": [{"change": "MODIFIED", "id": "REQ-002", "content": SECOND}]}
    Asked(recorded, {"business_analyst/revise_requirements": [json.dumps(answer)]})
    await build(recorded.run(), until="requirements")
    assert next(r for r in wanted(recorded).requirements if r.id == "REQ-002").title == "Mine"
    assert run.project.store.edits.proposals(run.key) != []
