"""Conditions and values of workflows in CEL, the Common Expression Language: typed before, bounded while they run.

The library is Google's own (https://github.com/cel-expr/cel-python): it checks types against declared names, matches
patterns by RE2, ends after 10,000 elements of comprehensions, and refuses nesting beyond 32.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

from cel_expr_python import cel

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.suggesting import did_you_mean
from hishamos_pipeline.core.workflows.definitions import LONGEST_EXPRESSION, ValueType

_TYPES: Mapping[str, Any] = {
    "string": cel.Type.STRING,
    "integer": cel.Type.INT,
    "number": cel.Type.DOUBLE,
    "boolean": cel.Type.BOOL,
    "list": cel.Type.List(cel.Type.DYN),
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "any": cel.Type.DYN,
}
_OPENING, _CLOSING, _MOST_ELEMENTS = "${{", "}}", 2000
# What may stand in an expression and is no brace: a string, with what its escapes hide, or any other character.
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[{}]|[^{}'"]+|['"]""")
_PROBLEM = re.compile(r"<input>:\d+:(\d+): ([^\n]*)")

# Names that an expression may say, with their types; those of steps have dots: "steps.build.verified".
Names = Mapping[str, str]


class ExpressionError(ValueError):
    """An expression is not valid, or has no value; the message says why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that is valid where its names are known; ``type`` is that of its value, ``any`` if it is open."""

    text: str
    type: str


def check(text: str, names: Names, wanted: str = "any") -> Checked:
    """Check an expression without evaluating it.

    Args:
        text: in CEL.
        names: what it may speak of.
        wanted: the type that its value has to have.

    Raises:
        ExpressionError: it is too long, not CEL, speaks of something else, or has another type.
    """
    if text.strip().startswith(_OPENING):
        raise ExpressionError("is an expression as it stands: write it without `${{` and `}}`")
    if len(text) > LONGEST_EXPRESSION:
        raise ExpressionError(f"has {len(text)} characters, {LONGEST_EXPRESSION} are the most")
    try:
        found = _environment(tuple(sorted(names.items()))).compile(text).return_type()
    except RuntimeError as error:
        raise ExpressionError(_told(str(error), names)) from None
    kind = next((name for name, known in _TYPES.items() if known == found), "any")
    if not is_of(kind, wanted):
        raise ExpressionError(f"gives a value of type {kind}, and {wanted} is needed")
    return Checked(text, kind)


def evaluate(text: str, names: Names, values: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Args:
        text: in CEL.
        names: what it may speak of.
        values: those that have one; a name without one has none when it is needed.

    Raises:
        ExpressionError: see ``check``, or the value cannot be worked out.
    """
    try:
        program = _environment(tuple(sorted(names.items()))).compile(text)
        found = program.eval(data={name: _bounded(values[name]) for name in names if name in values})
    except ExpressionError:
        raise
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:  # a value that CEL has no type for
        raise ExpressionError(_told(str(error), names)) from None
    value = found.plain_value()
    if found.type() == cel.Type.ERROR:
        raise ExpressionError(_told(str(value), names))
    return _as_json(value)


def _as_json(value: Any) -> Any:
    """A value as JSON has it: times and durations are texts.

    Raises:
        ExpressionError: JSON has nothing for it.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{max(0, int(value.total_seconds()))}s"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ExpressionError("is a map whose names are not all texts")
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    raise ExpressionError("gives a value that is none of JSON's")


def is_true(text: str, names: Names, values: Mapping[str, Any]) -> bool:
    """Whether a condition holds.

    Raises:
        ExpressionError: see ``evaluate``, or it is neither true nor false.
    """
    value = evaluate(text, names, values)
    if not isinstance(value, bool):
        raise ExpressionError(f"is neither true nor false: {str(value)[:80]}")
    return value


def filled(value: Any, work_out: Callable[[str], Any]) -> Any:
    """A value with every expression in its strings worked out.

    A string that is one expression alone becomes its value, of whatever type; in others, values stand as text.

    Raises:
        ExpressionError: an expression is not closed, or cannot be worked out.
    """
    if isinstance(value, Mapping):
        return {name: filled(item, work_out) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, work_out) for item in value]
    if not isinstance(value, str) or _OPENING not in value:
        return value
    parts = _parts(value.strip())
    if len(parts) == 1:
        return work_out(parts[0][1])
    return "".join(_text(work_out(part)) if is_expression else part for is_expression, part in parts)


def _parts(text: str) -> list[tuple[bool, str]]:
    """A text as what stands between its expressions (``False``) and these (``True``), in order, nothing empty."""
    found: list[tuple[bool, str]] = []
    while (start := text.find(_OPENING)) >= 0:
        if start:
            found.append((False, text[:start]))
        end = _end(text, start + len(_OPENING))
        found.append((True, text[start + len(_OPENING) : end].strip()))
        text = text[end + len(_CLOSING) :]
    return [*found, (False, text)] if text else found


def _end(text: str, start: int) -> int:
    """Where an expression ends that begins at a place: at two braces that close none of its own.

    Raises:
        ExpressionError: nowhere.
    """
    depth = 0
    for token in _TOKEN.finditer(text[start:]):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}" and depth:
            depth -= 1
        elif token[0] == "}" and text.startswith(_CLOSING, start + token.start()):
            return start + token.start()
    raise ExpressionError("has a `${{` that no `}}` closes")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@lru_cache(maxsize=256)
def _environment(names: tuple[tuple[str, str], ...]) -> Any:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in names})


def _bounded(value: Any) -> Any:
    """A value of which no list is longer than a condition should look at.

    Raises:
        ExpressionError: one is.
    """
    if isinstance(value, list | tuple) and len(value) > _MOST_ELEMENTS:
        raise ExpressionError(f"speaks of a list of {len(value)} elements, {_MOST_ELEMENTS} are the most")
    return value


def _told(problem: str, names: Names) -> str:
    """What is wrong, in words; an unknown name with those that are known."""
    if "recursion limit" in problem:
        return "is nested too deeply"
    if "Iteration budget" in problem:
        return "looks at more than 10,000 elements"
    match = _PROBLEM.search(problem)
    said = match[2].removesuffix(" (in container '')") if match else problem.partition(": ")[2] or problem
    where = f" (character {match[1]})" if match else ""
    if unknown := re.search(r"undeclared reference to '([^']*)'", said):
        return f"speaks of {unknown[1]!r}, which is not known here{where}{did_you_mean(unknown[1], names)}"
    return f"{said}{where}"


def is_of(kind: str | None, wanted: str) -> bool:
    """Whether a value of a type may stand where another is wanted: an integer is a number, and ``any`` may be all."""
    return "any" in (kind, wanted) or kind == wanted or (kind, wanted) == ("integer", "number")


def type_of(value: object) -> ValueType | None:
    """The type of a value; ``None`` for one that no input may have."""
    if isinstance(value, bool):
        return "boolean"
    known: tuple[tuple[type, ValueType], ...] = ((str, "string"), (int, "integer"), (float, "number"))
    listed: tuple[tuple[type, ValueType], ...] = (*known, (list, "list"), (dict, "map"))
    return next((name for kind, name in listed if isinstance(value, kind)), None)
