"""Tests that assert the opposite: on code that passes the real ones, each of them has to fail."""

import ast

from hishamos_pipeline.core.text.parsing import parse_python


def inverted(text: str) -> tuple[str, list[str]]:
    """A test file in which the first assertion of each test is turned round, and the tests for which that was done.

    The text stays as it is but for that, so that nothing else tells such a file from a real one.
    """
    lines = text.splitlines(keepends=True)
    changes: list[tuple[int, int, int, int]] = []
    names = []
    for node in parse_python(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            first = next((part for part in _straight(node.body) if isinstance(part, ast.Assert)), None)
            if (
                first is not None
                and first.test.end_lineno is not None
                and first.test.end_col_offset is not None
            ):
                test = first.test
                changes.append(
                    (test.lineno, test.col_offset, first.test.end_lineno, first.test.end_col_offset)
                )
                names.append(node.name)
    for line, column, end_line, end_column in reversed(changes):
        # Columns of the syntax tree count bytes.
        last, head = lines[end_line - 1].encode(), lines[line - 1].encode()
        if line == end_line:
            lines[line - 1] = (
                head[:column] + b"not (" + head[column:end_column] + b")" + head[end_column:]
            ).decode()
        else:
            lines[end_line - 1] = (last[:end_column] + b")" + last[end_column:]).decode()
            lines[line - 1] = (head[:column] + b"not (" + head[column:]).decode()
    return "".join(lines), names


def _straight(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements that are run in any case: those of ``with`` blocks too, those of conditions and loops not."""
    found: list[ast.stmt] = []
    for statement in body:
        found.append(statement)
        if isinstance(statement, ast.With | ast.AsyncWith) and not _expects_error(statement):
            found += _straight(statement.body)
    return found


def _expects_error(statement: ast.With | ast.AsyncWith) -> bool:
    return any(
        isinstance(part, ast.Attribute) and part.attr in ("raises", "suppress", "warns")
        for item in statement.items
        for part in ast.walk(item.context_expr)
    )
