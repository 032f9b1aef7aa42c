"""Patterns: the same as Python's where both have them, and never longer than the text deserves."""

import importlib
import pkgutil
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hishamos_pipeline
from hishamos_pipeline.core.text import linear_re

SAMPLES = (
    r"\w+",
    r"[\w.-]+",
    r"\s+",
    r"[^\s,]+",
    r"\d{1,3}",
    r"\W",
    r"\S+",
    r"\D",
    r"(?m)^\w.*$",
    r"a\Z",
    "[a-c]|b+?",
)
# Each would be read again from every position by an engine that goes back.
PUMPS = (
    " ",
    "a ",
    "a of b or ",
    "(",
    "<!--",
    "**a",
    "[a](b",
    "../",
    "a, ",
    "\n",
    "- a\n",
    'E   File "a.py", line ',
    "'a' to ",
    "é ",
)
SIZE = 100_000


@given(st.sampled_from(SAMPLES), st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=40))
def test_classes_mean_what_they_mean_in_python(pattern: str, text: str) -> None:
    assert linear_re.findall(pattern, text) == re.findall(pattern, text)
    assert linear_re.split(pattern, text) == re.split(pattern, text)
    assert linear_re.sub(pattern, r"<\g<0>>", text) == re.sub(pattern, r"<\g<0>>", text)
    mine, theirs = linear_re.search(pattern, text), re.search(pattern, text)
    assert (mine and mine.span()) == (theirs and theirs.span())


def test_flags_groups_and_escapes() -> None:
    found = linear_re.fullmatch(r"(?P<a>x)(y)?", "X", linear_re.IGNORECASE)
    assert found and found.groupdict() == {"a": "X"} and found.groups() == ("X", None)
    assert linear_re.match(r"a.b", "a\nb", linear_re.DOTALL) and not linear_re.match(r"a.b", "a\nb")
    assert linear_re.findall("^b", "a\nb", linear_re.MULTILINE) == ["b"]
    assert linear_re.fullmatch(linear_re.escape("a.*ü["), "a.*ü[")
    assert [m[0] for m in linear_re.compile("a").finditer("aba")] == ["a", "a"]


def test_half_characters_are_no_reason_to_fail() -> None:
    assert linear_re.sub("é", "e", "\ud800é\udfff") == "?e?"
    assert linear_re.search("b", "\udcffab") is not None


@pytest.mark.parametrize("pattern", [r"(?=a)", r"(?<!a)b", r"(a)\1"])
def test_what_could_take_long_is_no_pattern(pattern: str) -> None:
    with pytest.raises(linear_re.error):
        linear_re.compile(pattern)
    with pytest.raises(ValueError, match="in a class"):
        linear_re.compile(r"[^\W]")


def patterns() -> Iterator[tuple[str, linear_re.Pattern]]:
    """Every pattern that a module of the package keeps, alone or in a table."""
    for info in pkgutil.walk_packages(hishamos_pipeline.__path__, "hishamos_pipeline."):
        if info.name.endswith(("migrations.env", ".inside")) or ".versions." in info.name:
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            for item in values(value):
                yield f"{info.name}.{name}", item


def values(value: Any) -> Iterator[linear_re.Pattern]:
    if isinstance(value, linear_re.Pattern):
        yield value
    elif type(value) is dict:
        yield from (found for item in value.values() for found in values(item))
    elif type(value) in (list, tuple):
        yield from (found for item in value for found in values(item))


@contextmanager
def patience(what: str, seconds: int = 60) -> Iterator[None]:
    """An end to what would otherwise take hours; no figure is measured by it."""

    def give_up(_: int, __: FrameType | None) -> None:
        raise TimeoutError(what)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("pump", PUMPS)
def test_no_pattern_reads_a_text_again_and_again(pump: str) -> None:
    kept = dict(patterns())
    assert len(kept) > 40
    text = pump * (SIZE // len(pump)) + "\x00"
    for name, pattern in kept.items():
        with patience(f"{name} on {pump!r}"):
            pattern.sub("", text)
            pattern.fullmatch(text)
