"""Which test shows which criterion: the docstring of a test starts with the criterion's id."""

import ast
import re

from hishamos_pipeline.core.documents import CriterionTest
from hishamos_pipeline.core.parsing import parse_python

_ID = re.compile(r"(US-\d+-AC\d+)\b")


def criterion_tests(path: str, source: str) -> tuple[CriterionTest, ...]:
    """The links between criteria and tests in one test file.

    Raises:
        SyntaxError: if the source is not Python.
    """
    links = []
    for node in parse_python(source).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        match = _ID.match(ast.get_docstring(node) or "")
        if match and node.name.startswith("test_"):
            links.append(CriterionTest(criterion=match[1], test=f"{path}::{node.name}"))
    return tuple(links)
