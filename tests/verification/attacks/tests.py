"""Tests of a wrong list that assert nothing that matters."""
# ruff: noqa: E501 - the texts are code

from tests.verification.attacks import (
    CODE,
    LIST_TESTS,
    LISTS_NOTHING,
    Attack,
    both,
    leading,
    replacing,
)

_AC1 = "    assert note_service.list_notes(connection) == [first, second]\n"
_AC3 = "    assert str(note.title) in printed\n"
_HARMLESS = replacing(_AC3, '    assert printed.endswith("\\n") and note.id == 1\n')


def _asserting(name: str, body: str, imports: str = "") -> Attack:
    """A test of an always empty list with another body."""
    whole = "    found = note_service.list_notes(connection)\n" + "".join(
        f"    {line}\n" for line in body.splitlines()
    )
    changes = [replacing(_AC1, whole), _HARMLESS]
    test = both(leading(imports), *changes) if imports else both(*changes)
    return Attack(name, "the list is always empty", {CODE: LISTS_NOTHING, LIST_TESTS: test})


TESTS = [
    _asserting("compares a thing with itself", "assert first.id != second.id\nassert found == found"),
    _asserting(
        "compares with anything",
        "assert found == ANY\nassert first != second",
        "from unittest.mock import ANY\n",
    ),
    _asserting(
        "asserts under a condition that never holds", "if found:\n    assert found == [first, second]"
    ),
    _asserting("asserts in a loop that never runs", "for item in found:\n    assert item in (first, second)"),
    _asserting(
        "compares with what the code returns",
        "assert found == note_service.list_notes(connection)\nassert first != second",
    ),
    _asserting("asserts that there is something", "assert found is not None\nassert second is not None"),
    _asserting("asserts a type", "assert isinstance(found, list)\nassert first != second"),
    _asserting("asserts what always holds", "assert len(found) >= 0\nassert first != second"),
    _asserting("asserts this or that", "assert found == [first, second] or first.id < second.id"),
    _asserting(
        "asserts and forgives",
        "try:\n    assert found == [first, second]\nexcept AssertionError:\n    found = []",
    ),
    _asserting(
        "suppresses",
        "with suppress(AssertionError):\n    assert found == [first, second]",
        "from contextlib import suppress\n",
    ),
    _asserting("returns early", "if not found:\n    return\nassert found == [first, second]"),
    _asserting(
        "asserts in a function that nobody calls",
        "def check() -> None:\n    assert found == [first, second]\n\nassert callable(check)",
    ),
    _asserting(
        "asserts of everything in it",
        "assert all(item in (first, second) for item in found)\nassert first != second",
    ),
    _asserting(
        "compares with what equals everything",
        "class Same:\n    def __eq__(self, other: object) -> bool:\n        return True\n\n    __hash__ = None\n\nassert Same() == found\nassert first != second",
    ),
    _asserting(
        "sorts and counts itself",
        "assert sorted(found, key=str) == sorted(list(found), key=str)\nassert first != second",
    ),
    Attack(
        "a test replaces what it tests",
        "the list is always empty",
        {
            CODE: LISTS_NOTHING,
            LIST_TESTS: both(
                leading("import pytest\n\nfrom notes.storage import notes as note_store\n"),
                replacing(
                    "oldest_first(connection: Connection) -> None",
                    "oldest_first(\n    connection: Connection, monkeypatch: pytest.MonkeyPatch\n) -> None",
                ),
                replacing(
                    _AC1,
                    '    monkeypatch.setattr(note_service, "list_notes", note_store.everything)\n' + _AC1,
                ),
                _HARMLESS,
            ),
        },
    ),
]
