"""Small mistakes planted into the code: tests that are worth something notice them.

The operators are the usual ones of mutation testing (Jia and Harman, "An Analysis and Survey of the Development of
Mutation Testing", IEEE TSE 2011): comparisons, arithmetic, logic, constants, conditions and returned values.
"""

import ast
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from hishamos_pipeline.core.text.parsing import parse_python, place_of, with_part

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Add,
}  # fmt: skip
Change = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one small mistake; ``what`` says which."""

    path: str
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def mutants(texts: Mapping[str, str], covered: Mapping[str, frozenset[int]], per_module: int) -> list[Mutant]:
    """A sample of mutants, the same for the same texts.

    Args:
        texts: modules by path.
        covered: lines of each module that some test runs; mistakes elsewhere are for coverage to tell.
        per_module: most mutants of one module.
    """
    chosen: list[Mutant] = []
    for path, text in sorted(texts.items()):
        lines = covered.get(path, frozenset())
        places = [place for place in _places(parse_python(text)) if place[1] in lines]
        places.sort(key=lambda place: hashlib.sha256(f"{path}{text}{place[:3]}".encode()).digest())
        for number, line, what, *_ in places[:per_module]:
            chosen.append(Mutant(path, line, what, _mutated(text, number)))
    return chosen


def _mutated(text: str, number: int) -> str:
    """A module with one of its mistakes, in which every other character stays: nothing else tells it from the original.

    Where a part of it cannot be written by itself, as inside of a text with values, the whole module is written anew.
    """
    tree = parse_python(text)
    *_, change, old, new = next(place for place in _places(tree) if place[0] == number)
    place = place_of(old)
    change()
    ast.fix_missing_locations(tree)
    for part in (ast.unparse(new), f"({ast.unparse(new)})"):
        changed = with_part(text, place, part)
        with suppress(SyntaxError):
            if ast.dump(parse_python(changed)) == ast.dump(tree):
                return changed
    return ast.unparse(tree) + "\n"


def _places(tree: ast.Module) -> Iterator[tuple[int, int, str, Change, ast.expr, ast.expr]]:
    """Number, line, description, the change itself, and the part that another one takes the place of, with that one, of
    every mistake that could be made inside a function.
    """
    number = 0
    seen: set[int] = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement in function.body:
            for node in ast.walk(statement):
                if id(node) in seen:
                    continue
                seen.add(id(node))
                for what, change, old, new in _changes(node):
                    yield number, getattr(node, "lineno", 0), what, change, old, new
                    number += 1


def _changes(node: ast.AST) -> Iterator[tuple[str, Change, ast.expr, ast.expr]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        other = _COMPARISONS[type(node.ops[0])]()
        what = f"{_name(node.ops[0])} becomes {_name(other)}"
        yield what, lambda: node.ops.__setitem__(0, other), node, node
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _has_text(node):
        swapped = _ARITHMETIC[type(node.op)]()
        yield f"{_name(node.op)} becomes {_name(swapped)}", lambda: setattr(node, "op", swapped), node, node
    elif isinstance(node, ast.BoolOp):
        logic = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{_name(node.op)} becomes {_name(logic)}", lambda: setattr(node, "op", logic), node, node
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield (
            f"{node.value} becomes {not node.value}",
            lambda: setattr(node, "value", not node.value),
            node,
            node,
        )
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        value = node.value
        yield f"{value} becomes {value + 1}", lambda: setattr(node, "value", value + 1), node, node
    elif isinstance(node, ast.If):
        turned = ast.UnaryOp(ast.Not(), node.test)
        yield "a condition is turned round", lambda: setattr(node, "test", turned), node.test, turned
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        nothing = ast.Constant(None)
        yield "returns None", lambda: setattr(node, "value", nothing), node.value, nothing


def _name(operator: ast.AST) -> str:
    return type(operator).__name__


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _has_text(node: ast.BinOp) -> bool:
    """Whether it puts texts together: another operator would only be an error."""
    return any(
        isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        for part in ast.walk(node)
    )
