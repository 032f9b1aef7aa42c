"""Parsing Python that nobody vouches for."""

import ast
from threading import Lock

# CPython 3.11 counts the depth of a tree for all threads together, and fails when two parse at once:
# https://github.com/python/cpython/issues/106905
_ONE_AT_A_TIME = Lock()
_TRIES = 3


def parse_python(text: str) -> ast.Module:
    """The syntax tree of a text; may be called from several threads.

    Raises:
        SyntaxError: it is not Python, or so deeply nested that the parser gives up.
    """
    found = _parsed(text, "exec")
    assert isinstance(found, ast.Module)
    return found


def parse_expression(text: str) -> ast.expr:
    """The same of a single expression."""
    found = _parsed(text, "eval")
    assert isinstance(found, ast.Expression)
    return found.body


def _parsed(text: str, mode: str) -> ast.AST:
    for _ in range(_TRIES):
        try:
            with _ONE_AT_A_TIME:
                return ast.parse(text, mode=mode)  # noqa: TID251 - the only place
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(f"cannot be parsed: {type(error).__name__}") from None
        except SystemError:
            continue  # somebody else's parsing, such as a template's, came in between
    raise SyntaxError("cannot be parsed: the parser failed")


Place = tuple[int, int, int, int]


def place_of(node: ast.expr) -> Place:
    """First line, column, last line and end of an expression; lines count from 1, and columns are bytes."""
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0


def with_part(text: str, place: Place, part: str) -> str:
    """A text with another part at a place; every other character stays."""
    line, column, end_line, end_column = place
    lines = text.encode().splitlines(keepends=True)
    middle = lines[line - 1][:column] + part.encode() + lines[end_line - 1][end_column:]
    return b"".join([*lines[: line - 1], middle, *lines[end_line:]]).decode()
