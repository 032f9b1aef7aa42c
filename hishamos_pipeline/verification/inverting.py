"""Tests that assert the opposite: on code that passes the real ones, each of them has to fail."""

import ast

from hishamos_pipeline.core.text.parsing import parse_python, place_of, with_part


def inverted(text: str) -> tuple[str, list[str]]:
    """A test file in which the first assertion of each test is turned round, and the tests for which that was done.

    The text stays as it is but for that, so that nothing else tells such a file from a real one.
    """
    changes: list[ast.expr] = []
    names = []
    for node in parse_python(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            first = next((part for part in _straight(node.body) if isinstance(part, ast.Assert)), None)
            if first is not None:
                changes.append(first.test)
                names.append(node.name)
    changed = text
    for test in reversed(changes):
        changed = with_part(changed, place_of(test), f"not ({ast.get_source_segment(text, test)})")
    return changed, names


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
