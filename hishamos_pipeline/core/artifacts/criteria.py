"""Which test shows which criterion: the docstring of a test starts with the criterion's id."""

import ast
import re
from collections.abc import Mapping

from hishamos_pipeline.core.artifacts.documents import CriterionTest, TestSuite, TreeFile
from hishamos_pipeline.core.text.parsing import parse_python

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


def suite_of(files: tuple[TreeFile, ...], texts: Mapping[str, str]) -> TestSuite:
    """Test files with what they show; a file that does not parse shows nothing.

    Args:
        files: the test files.
        texts: their texts by SHA-256.
    """
    links: list[CriterionTest] = []
    for file in files:
        try:
            links += criterion_tests(file.path, texts[file.sha256])
        except SyntaxError:
            continue
    return TestSuite(files=files, tests=tuple(links))


def without_parameters(node: str) -> str:
    """A pytest node id without the parameters of a parametrized test."""
    return node.split("[", 1)[0]
