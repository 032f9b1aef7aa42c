"""Text that nobody vouches for stays text, wherever it is put."""

import ast
import json
import tomllib
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hishamos_pipeline.core.text import untrusted

# What Python source and TOML can hold at all.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
HOSTILE = ('"""', "\\", '\\"', "`", "```", "<script>", "[a](b)", "@ann", "closes #1", "\\u0022", "'" * 3)
ATTACKS = st.lists(st.sampled_from(HOSTILE) | TEXTS, min_size=1, max_size=6).map("".join)


@given(ATTACKS)
def test_a_literal_is_read_back_by_python_and_toml(text: str) -> None:
    literal = untrusted.string_literal(text)
    assert ast.literal_eval(literal) == text
    assert tomllib.loads(f"value = {literal}")["value"] == text


@given(ATTACKS)
@example(" ")
@example("\n")
def test_nothing_ends_a_docstring(text: str) -> None:
    for made in (f'"""{untrusted.docstring_line(text)}"""', untrusted.docstring(text or "x", "")):
        (only,) = ast.parse(made).body
        assert isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant)


@given(ATTACKS)
def test_markdown_shows_a_line_as_it_was_written(text: str) -> None:
    tokens = MarkdownIt().parseInline(f"- {untrusted.markdown_line(text)}")[0].children or []
    assert {token.type for token in tokens} <= {"text", "text_special"}


@given(ATTACKS)
def test_code_holds_whatever_is_in_it(text: str) -> None:
    blocks = MarkdownIt().parse(untrusted.code_block(text))
    assert [block.type for block in blocks] == ["fence"]
    (line,) = MarkdownIt().parseInline(untrusted.inline_code(text))
    assert [token.type for token in line.children or []] == ["code_inline"]


@pytest.mark.parametrize("text", ["@ann", "see #12", "!7", "closes acme/shop#1", "Fixes: GH-3"])
def test_hosts_find_nobody_to_notify_and_nothing_to_close(text: str) -> None:
    shown = untrusted.neutralize_mentions(text)
    assert shown != text and shown.replace("\u2060", "") == text
    assert untrusted.neutralize_mentions("mail to ann@example.com") == "mail to ann@example.com"


_ESC, _OVERRIDE, _ZERO, _TAG = "\x1b", "\u202e", "\u200b", "\U000e0041"


def test_what_plays_tricks_is_left_out_or_shown() -> None:
    text = f"{_ESC}]52;c;aGk=\x07 safe{_OVERRIDE}{_ZERO}{_TAG}\r\n\tend"
    assert untrusted.without_tricks(text) == "]52;c;aGk= safe\n\tend"
    shown = untrusted.terminal_text(text)
    assert "\\u001b]52;c;aGk=\\u0007 safe\\u202e\\u200b\\udb40\\udc41" in shown and shown.endswith("\n\tend")
    for kept in ("👨\u200d👩\u200d👧", "می\u200cخواهم", "עברית\u200f", "naïve"):
        assert untrusted.without_tricks(kept) == untrusted.terminal_text(kept) == kept
    assert untrusted.all_without_tricks({f"a{_ESC}": [f"b{_ZERO}", 1, None]}) == {"a": ["b", 1, None]}


@given(st.text(max_size=80))
def test_nothing_acts_on_a_terminal(text: str) -> None:
    for shown in (untrusted.terminal_text(text), untrusted.without_tricks(text)):
        acts = [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t\r"]
        assert not acts and not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\x9b")


@given(st.text(max_size=40))
def test_json_stays_json_on_a_terminal(text: str) -> None:
    assert json.loads(untrusted.terminal_text(json.dumps([text], ensure_ascii=False))) == [text]
