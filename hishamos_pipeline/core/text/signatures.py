"""The public signatures of a Python module, read off its source."""

import ast
from collections.abc import Iterator

from hishamos_pipeline.core.text.parsing import parse_python


def public_signatures(source: str) -> tuple[str, ...]:
    """Classes and functions whose names do not start with ``_``, with parameters and annotations.

    Raises:
        SyntaxError: if the source is not Python.
    """
    return tuple(_signatures(parse_python(source)))


def _signatures(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = ", ".join(ast.unparse(base) for base in node.bases)
            yield f"class {node.name}({bases})" if bases else f"class {node.name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            yield f"def {node.name}({ast.unparse(node.args)}){result}"
