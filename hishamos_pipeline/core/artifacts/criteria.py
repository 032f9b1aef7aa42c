"""Which test shows which criterion: the docstring of a test starts with the criterion's id."""

import ast
from collections.abc import Mapping

from hishamos_pipeline.core.artifacts.documents import CriterionTest, TestSuite, TreeFile
from hishamos_pipeline.core.text import linear_re as re
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


def asserting_functions(*modules: ast.Module) -> frozenset[str]:
    """Names of the functions that assert something: themselves, by what they call, or by fixtures that they take.

    An assertion is about a name, so that it is not constant; expecting an error is one. What pytest and its plugins
    compare by, such as ``approx`` and ``snapshot``, stands in an ``assert`` anyway.

    Args:
        modules: a test file, and those that it takes helpers or fixtures from, such as ``conftest.py``.
    """
    functions = [
        node
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = {node.name for node in functions if any(map(_is_assertion, ast.walk(node)))}
    uses = [(node.name, _used(node)) for node in functions]
    while more := {name for name, used in uses if name not in found and used & found}:
        found |= more
    return frozenset(found)


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return any(isinstance(part, ast.Name) for part in ast.walk(node.test))
    return isinstance(node, ast.Attribute) and node.attr == "raises"


def _used(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names of the functions that a function calls, and of its parameters."""
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    given = function.args
    return called | {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)}


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
