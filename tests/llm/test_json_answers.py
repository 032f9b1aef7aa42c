"""The JSON of an answer, whatever is written around it."""

import json
import time

from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.llm.json_answers import json_of, without_thoughts

VALUES = st.dictionaries(
    st.text(max_size=5),
    st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=5),
    min_size=1,
    max_size=5,
)
PROSE = st.text('abc {}[]\n:,"', max_size=40)


@given(VALUES, st.sampled_from(["", "Sure:\n", "```json\n", '<think>{"a": 1}</think>']), PROSE)
def test_the_first_whole_value_is_found(value: dict[str, object], before: str, after: str) -> None:
    text = json.dumps(value)
    assert json.loads(json_of(f"{before}{text}\n{after}")) == value


@given(PROSE)
def test_what_has_no_json_stays_as_it_is(text: str) -> None:
    found = json_of(text)
    assert found == text or json.loads(found) or found == without_thoughts(text)


def test_thoughts_that_never_end_are_the_answer() -> None:
    assert without_thoughts("<think>so {") == "<think>so {"
    assert json_of('{"text": "<think>kept</think>"}') == '{"text": "<think>kept</think>"}'


def test_brackets_without_end_are_not_searched_for_ever() -> None:
    begun = time.monotonic()
    json_of("{[" * 200_000)
    json_of("<think></think>" * 20_000)
    assert time.monotonic() - begun < 20, "it took the time of a search without limits"
