"""Edits of a long file are done as a whole or not at all, and rewriting is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.agents.file_questions import FileRevision, FileText, InputChange, TextEdit
from hishamos_pipeline.authoring.revising import ReconsiderError, edited, require_little
from hishamos_pipeline.core.artifacts.documents import Architecture
from hishamos_pipeline.generation.file_asks import NO_STORIES

PLAN = Architecture(
    title="T", stack="python-cli", distribution="t", package="t", summary="s", licence="MIT", author="",
    files=(), data_model=(), decisions=(), commands=(),
)  # fmt: skip
LINES = [f"line {number}" for number in range(40)]


def question(text: str) -> FileRevision:
    change = InputChange(name="criterion US-001-AC1", diff="-a\n+b")
    return FileRevision(
        path="src/t/a.py", architecture=PLAN, stories=NO_STORIES, text=text, changes=(change,)
    )


def test_edits_are_done_one_after_the_other() -> None:
    edits = [TextEdit(search="b", replace="c"), TextEdit(search="c\n", replace="d\n")]
    assert edited("a\nb\n", edits) == "a\nd\n"


def test_edits_that_do_not_fit_are_all_named_and_none_is_done() -> None:
    edits = [TextEdit(search=found, replace="x") for found in ("nowhere", "a", "b")]
    with pytest.raises(
        ValueError, match=r"edit 1: `search` does not stand.*edit 2: `search` stands 2 times"
    ) as told:
        edited("a a b", edits)
    assert "edit 3" not in str(told.value)


@given(st.text(alphabet="ab\n", max_size=40), st.text(alphabet="ab\n", min_size=1, max_size=5))
def test_an_edit_is_done_where_its_text_stands_once(text: str, search: str) -> None:
    if text.count(search) == 1:
        assert edited(text, [TextEdit(search=search, replace="XY")]) == text.replace(search, "XY")
    else:
        with pytest.raises(ValueError, match="edit 1"):
            edited(text, [TextEdit(search=search, replace="XY")])


def test_a_file_of_which_more_than_half_is_another_is_doubted() -> None:
    text = "\n".join([*LINES, ""])
    require_little(question(text), FileText(text="\n".join([*LINES[:25], *"abcdefghijklmno"])))
    require_little(question(text), FileText(text="\n".join([*LINES, *("new",) * 200])))
    require_little(question("a\nb\n"), FileText(text="c\n"))  # of a short file much is little
    with pytest.raises(
        ReconsiderError, match=r"30 of 40 lines .* only this has changed: criterion US-001-AC1"
    ):
        require_little(question(text), FileText(text="\n".join(LINES[:10])))


def test_a_long_file_is_answered_by_edits() -> None:
    assert not question("x\n" * 300).is_long and question("x\n" * 301).is_long
