"""Texts compared line by line."""

from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff


def diff(before: str, after: str) -> str:
    """What has changed of a text, whole and without the names of files."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=100))
    return "\n".join(lines[2:]) or "(white space)"


def changed_lines(before: str, after: str) -> int:
    """How many lines of a text are others in another, or gone, and how many more there are."""
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in _opcodes(before, after) if tag != "equal")


def lost_lines(before: str, after: str) -> int:
    """How many lines of a text are others in another, or gone."""
    return sum(i2 - i1 for tag, i1, i2, _, _ in _opcodes(before, after) if tag != "equal")


def _opcodes(before: str, after: str) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False).get_opcodes()
