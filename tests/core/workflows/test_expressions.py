"""Conditions of workflows: typed before they run, bounded while they do."""

import time

import pytest

from hishamos_pipeline.core.workflows.expressions import (
    ExpressionError,
    check,
    evaluate,
    filled,
    is_true,
)

NAMES = {
    "inputs.project": "string",
    "inputs.names": "list",
    "inputs.rate": "number",
    "steps.build.verified": "boolean",
    "steps.review.findings": "integer",
    "steps.review.body": "map",
}
VALUES = {
    "inputs.project": "notes",
    "inputs.names": ["a", "b"],
    "steps.build.verified": True,
    "steps.review.body": {"open": 2},
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("steps.build.verified && steps.review.findings == 0", "boolean"),
        ("inputs.project + '!'", "string"),
        ("size(inputs.names)", "integer"),
        ("inputs.names.filter(n, n != 'a')", "list"),
        ("steps.review.body.open", "any"),
        ("inputs.rate * 2.0", "number"),
        ("{'a': 1}", "any"),
    ],
)
def test_an_expression_has_a_type(text: str, kind: str) -> None:
    assert check(text, NAMES).type == kind


@pytest.mark.parametrize(
    ("text", "wanted", "told"),
    [
        ("steps.build.verifed", "any", "did you mean 'steps.build.verified'?"),
        ("nothing.of_it", "any", "speaks of 'nothing.of_it', which is not known here"),
        ("steps.build.verified + 1", "any", "no matching overload"),
        ("steps.review.findings", "boolean", "gives a value of type integer, and boolean is needed"),
        ("1 +", "any", "Syntax error"),
        ("(" * 200 + "1" + ")" * 200, "any", "nested too deeply"),
        ("'" + "x" * 600 + "'", "any", "500 are the most"),
        ("__import__('os')", "any", "not known here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_runs(text: str, wanted: str, told: str) -> None:
    with pytest.raises(ExpressionError) as error:
        check(text, NAMES, wanted)
    assert told in str(error.value)


def test_an_integer_is_a_number() -> None:
    assert check("steps.review.findings", NAMES, "number").type == "integer"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 / 0 == 1", "divide by zero"),
        ("steps.review.findings > 1", "No value with name"),
        ("steps.review.body.closed == 1", "Key not found"),
        ("inputs.project", "neither true nor false"),
    ],
)
def test_a_condition_without_a_value_is_an_error(text: str, told: str) -> None:
    with pytest.raises(ExpressionError) as error:
        is_true(text, NAMES, VALUES)
    assert told in str(error.value)


def test_values_are_those_of_the_run() -> None:
    assert is_true("steps.build.verified || steps.review.findings > 1", NAMES, VALUES), (
        "what is not needed may be open"
    )
    assert evaluate("inputs.names.map(n, n + '!')", NAMES, VALUES) == ["a!", "b!"]
    assert evaluate("{'a': inputs.names}", NAMES, VALUES) == {"a": ["a", "b"]}


def test_what_would_run_for_long_is_stopped() -> None:
    began = time.process_time()
    names, values = {"l": "list"}, {"l": list(range(300))}
    with pytest.raises(ExpressionError, match="more than 10,000 elements"):
        evaluate("l.all(a, l.all(b, l.all(c, a + b + c >= 0)))", names, values)
    with pytest.raises(ExpressionError, match="2000 are the most"):
        evaluate("l.all(a, a >= 0)", names, {"l": list(range(2001))})
    assert evaluate("s.matches('(a+)+$')", {"s": "string"}, {"s": "a" * 5000 + "b"}) is False
    assert time.process_time() - began < 20, "bounded, not measured"


def test_strings_are_filled() -> None:
    given = {"whole": "${{ inputs.names }}", "in": ["${{ inputs.project }} has ${{ size(inputs.names) }}"], "n": 3,
             "brace": "${{ {'a': {'b': inputs.project}} }}"}  # fmt: skip
    assert filled(given, lambda text: evaluate(text, NAMES, VALUES)) == {
        "whole": ["a", "b"],
        "in": ["notes has 2"],
        "n": 3,
        "brace": {"a": {"b": "notes"}},
    }
    assert expressions("a ${{ x }} b ${{y}}") == ["x", "y"]
    assert expressions("${{ '}}' + \"}}\" }}${{ {'a': {}} }}") == ["'}}' + \"}}\"", "{'a': {}}"]
    for text in ("a ${{ x", "${{ { }}", "${{ '}} x'"):
        with pytest.raises(ExpressionError, match="no `}}` closes"):
            expressions(text)


def expressions(text: str) -> list[str]:
    """The expressions of a text, in order."""
    found: list[str] = []
    filled(text, found.append)
    return found
