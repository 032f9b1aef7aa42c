"""Tests that came from acceptance criteria may be corrected, never weakened."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.core.text.parsing import parse_python

_SKIPS = frozenset({"skip", "skipif", "xfail", "importorskip"})
_TOLERANCES = frozenset({"rel", "abs", "rel_tol", "abs_tol", "places", "delta"})
# How much an assertion pins down: an equality more than an order, that more than mere truth.
_EXACT, _PARTIAL, _VAGUE = 3, 2, 1
_BROAD = frozenset({"AssertionError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class _Strength:
    """What the assertions of a test are worth."""

    assertions: int
    weight: int
    tolerance: float
    skips: int
    cases: int


def weakened(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """In which ways test files are weaker than they were, as ``path: what``.

    Args:
        before: test files by path; those that do not parse have nothing to lose.
        after: the same files, changed or not; one that is missing was deleted.
    """
    found: list[str] = []
    for path, text in sorted(before.items()):
        old = _tests(text)
        if path not in after:
            found += [f"{path}: was deleted"] if old else []
            continue
        new = _tests(after[path])
        for name, strength in old.items():
            found += [f"{path}: {name} {what}" for what in _losses(strength, new.get(name))]
    return found


def _losses(old: _Strength, new: _Strength | None) -> list[str]:
    if new is None:
        return ["is gone"]
    found = []
    if new.assertions < old.assertions:
        found.append(f"asserts {new.assertions} things instead of {old.assertions}")
    elif new.weight < old.weight:
        found.append("asserts less exactly than it did")
    if new.skips > old.skips:
        found.append("is skipped or expected to fail")
    if new.cases < old.cases:
        found.append(f"is run with {new.cases} cases instead of {old.cases}")
    if new.tolerance > old.tolerance:
        found.append("tolerates larger differences")
    return found


def _tests(text: str) -> dict[str, _Strength]:
    try:
        module = parse_python(text)
    except SyntaxError:
        return {}
    everywhere = sum(_skips(node) for node in module.body if not isinstance(node, ast.FunctionDef))
    return {
        node.name: _strength(node, everywhere)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    }


def _strength(function: ast.FunctionDef | ast.AsyncFunctionDef, everywhere: int) -> _Strength:
    weights = [weight for weight in _weights(function.body) if weight]
    return _Strength(
        len(weights), sum(weights), _tolerance(function), everywhere + _skips(function), _cases(function)
    )


def _weights(body: Sequence[ast.stmt], most: int = _EXACT) -> Iterator[int]:
    """What each assertion of a body is worth: less where it may not be reached, or its failure is caught."""
    for statement in body:
        if isinstance(statement, ast.Assert):
            yield min(_weight(statement), most)
        elif isinstance(statement, ast.If):
            yield from _weights([*statement.body, *statement.orelse], min(most, _VAGUE))
        elif isinstance(statement, ast.Try):
            yield from _weights(statement.body, 0 if any(map(_catches, statement.handlers)) else most)
            yield from _weights([*statement.orelse, *statement.finalbody], most)
        elif isinstance(statement, ast.With | ast.AsyncWith):
            expected = [_raises(item.context_expr) for item in statement.items]
            yield from (min(weight, most) for weight in expected if weight > 0)
            yield from _weights(statement.body, 0 if min(expected) < 0 else most)
        elif isinstance(statement, ast.For | ast.AsyncFor | ast.While):
            yield from _weights([*statement.body, *statement.orelse], most)
        elif isinstance(statement, ast.Return):
            return  # what follows is never run
        else:
            found = (_raises(node) for node in ast.walk(statement) if isinstance(node, ast.Call))
            yield from (min(weight, most) for weight in found if weight > 0)


def _raises(node: ast.expr) -> int:
    """What expecting an error is worth; below 0 for what lets a failed assertion pass."""
    call = node if isinstance(node, ast.Call) else None
    name = getattr(call.func, "attr", getattr(call.func, "id", "")) if call else ""
    parts = [part for argument in (call.args if call else ()) for part in ast.walk(argument)]
    named = {getattr(part, "attr", getattr(part, "id", "")) for part in parts}
    if name == "suppress":
        return -1 if named & _BROAD else 0
    if name != "raises":
        return 0
    return _VAGUE if named & _BROAD else _EXACT


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return bool({getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(handler.type)} & _BROAD)


def _weight(node: ast.Assert) -> int:
    compared = [part for part in ast.walk(node.test) if isinstance(part, ast.Compare)]
    if isinstance(node.test, ast.Constant) or any(_is_same(part) for part in compared):
        return 0  # asserts nothing
    if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or):
        return _VAGUE
    if any(
        isinstance(part.comparators[0], ast.Constant) and part.comparators[0].value is None
        for part in compared
    ):
        return _VAGUE
    called = {getattr(n.func, "id", "") for n in ast.walk(node.test) if isinstance(n, ast.Call)}
    kinds = {type(op) for part in compared for op in part.ops}
    if called & {"type", "isinstance", "callable", "hasattr"}:
        return _VAGUE
    if kinds & {ast.Eq, ast.Is}:
        return _EXACT
    return _PARTIAL if kinds else _VAGUE


def _cases(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many cases a test is run with, as far as they are written down."""
    cases = 1
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "parametrize":
            listed = [arg for arg in decorator.args[1:] if isinstance(arg, ast.List | ast.Tuple)]
            cases *= len(listed[0].elts) if listed else 1
    return cases


def _is_same(node: ast.Compare) -> bool:
    return len(node.ops) == 1 and ast.dump(node.left) == ast.dump(node.comparators[0])


def _tolerance(function: ast.AST) -> float:
    """The largest tolerance of ``approx``, ``isclose`` and the like; rounding to fewer places is one too."""
    found = 0.0
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("approx", "isclose"):
                found = max(found, 1e-6)
            for keyword in node.keywords:
                if keyword.arg in _TOLERANCES and isinstance(keyword.value, ast.Constant):
                    value = keyword.value.value
                    found = max(found, float(value) if isinstance(value, int | float) else 0.0)
    return found


def _skips(node: ast.AST) -> int:
    return sum(isinstance(part, ast.Attribute) and part.attr in _SKIPS for part in ast.walk(node))
