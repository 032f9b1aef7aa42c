"""What a text on a program's use says is called, and what another text shows of it."""

import pytest

from hishamos_pipeline.core.text.calls import calls, shown

REQUESTS = "GET /books - all books\nPOST /books\nGET /books/{id} - one of them\nDELETE /books/{id}"


@pytest.mark.parametrize(
    ("usage", "names"),
    [
        ("add TITLE: adds\nlist: prints all", ["add", "list"]),
        ("- `shop add TITLE` adds\n- `shop list` prints", ["add", "list"]),
        (
            "$ shop books add TITLE\n$ shop books list\n$ shop loans list",
            ["books add", "books list", "loans"],
        ),
        ("add TITLE\n    adds a book\nlist\n    prints", ["add", "list"]),
        (REQUESTS, ["GET /books", "POST /books", "GET /books/{id}", "DELETE /books/{id}"]),
        ("1. `GET /books`: all\n2. `GET /loans`: all", ["GET /books", "GET /loans"]),
        ("Prints every feature's number.", []),
        ("All take --data FILE.\nadd TITLE: adds", ["", "add"]),
        ("", []),
    ],
)
def test_calls_have_names(usage: str, names: list[str]) -> None:
    assert list(calls(usage)) == names


def test_lines_below_a_call_belong_to_it() -> None:
    assert calls("add TITLE\n  Adds a book.\n\nlist\nIt prints all.") == {
        "add": "add TITLE\n  Adds a book.",
        "list": "list\nIt prints all.",
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("curl http://localhost:8000/books", ["GET /books", "POST /books"]),
        ("GET /books/3", ["GET /books/{id}", "DELETE /books/{id}"]),
        ("/loans/books/", ["GET /books", "POST /books"]),
        ("nothing", []),
    ],
)
def test_a_text_shows_requests_with_values_too(text: str, names: list[str]) -> None:
    found = shown(list(calls(REQUESTS)), text)
    assert [name for name in found if name in names] == names and bool(found) == bool(names)
