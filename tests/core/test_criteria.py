"""Which tests assert something: themselves, or by what they call and take."""

import ast

import pytest

from hishamos_pipeline.core.artifacts.criteria import asserting_functions

HELPERS = """
import pytest

def assert_same(a, b):
    assert a == b

@pytest.fixture
def checked():
    value = []
    yield value
    assert value

@pytest.fixture
def plain():
    return 1
"""


@pytest.mark.parametrize(
    ("body", "asserts"),
    [
        ("assert x == 1", True),
        ("assert True", False),
        ("assert 1 == 1", False),
        ("with pytest.raises(ValueError):\n        f(x)", True),
        ("assert_same(x, 1)", True),
        ("helper.assert_same(x, 1)", True),
        ("outer(x)", True),
        ("hollow(x)", False),
        ("print(x)", False),
    ],
)
def test_what_asserts(body: str, asserts: bool) -> None:
    local = "def outer(x):\n    assert_same(x, 2)\n\ndef hollow(x):\n    assert True\n\n"
    for kind in ("def", "async def"):
        test = ast.parse(f"{local}{kind} test_it(plain):\n    {body}\n")
        assert ("test_it" in asserting_functions(test, ast.parse(HELPERS))) is asserts


def test_a_fixture_that_asserts_counts_and_one_that_does_not_counts_not() -> None:
    tests = ast.parse("def test_a(checked):\n    checked.append(1)\n\ndef test_b(plain):\n    print(plain)\n")
    found = asserting_functions(tests, ast.parse(HELPERS))
    assert "test_a" in found and "test_b" not in found


def test_functions_that_call_each_other_assert_nothing_by_that() -> None:
    assert not asserting_functions(ast.parse("def a():\n    b()\n\ndef b():\n    a()\n"))
