"""Annotations of Python in one form, so that those that mean the same are the same text."""

import ast
from collections.abc import Iterator

from hishamos_pipeline.core.text.parsing import parse_expression


def type_text(node: ast.expr | None) -> str:
    """An annotation as text in one form; empty for none."""
    return ast.unparse(as_type(node)) if node is not None else ""


def as_type(node: ast.expr) -> ast.expr:
    """An annotation in one form: without quotes and module names, unions in order, ``Optional`` as a union."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return as_type(parse_expression(node.value))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return node
    if isinstance(node, ast.Attribute):
        return ast.Name(node.attr)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([as_type(part) for part in _operands(node)])
    if isinstance(node, ast.Subscript):
        name, inner = last_name(node.value), node.slice
        parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
        if not parts:  # tuple[()]
            return ast.Subscript(ast.Name(name), inner)
        if name == "Optional":
            return _union([as_type(parts[0]), ast.Constant(None)])
        if name == "Union":
            return _union([as_type(part) for part in parts])
        lower = name.lower() if name in ("List", "Dict", "Set", "Tuple", "FrozenSet", "Type") else name
        made = [as_type(part) if name != "Literal" else part for part in parts]
        return ast.Subscript(ast.Name(lower), ast.Tuple(made) if len(made) > 1 else made[0])
    if isinstance(node, ast.List):
        return ast.List([as_type(part) for part in node.elts])
    return node


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _operands(node.left)
        yield from _operands(node.right)
    else:
        yield node


def _union(parts: list[ast.expr]) -> ast.expr:
    flat = [inner for part in parts for inner in _operands(part)]
    ordered = sorted({ast.unparse(part): part for part in flat}.items())
    made = ordered[0][1]
    for _, part in ordered[1:]:
        made = ast.BinOp(made, ast.BitOr(), part)
    return made


def last_name(node: ast.expr) -> str:
    """The name at the end of a dotted one; empty for what is no name."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
