"""Renders the public side of a planned module as Python without bodies.

Every function raises ``ValueError`` with a sentence for the model.
"""

import ast
import keyword
from collections.abc import Sequence

from hishamos_pipeline.authoring.drafts import ClassDraft, FunctionDraft, ModuleDraft, ParameterDraft
from hishamos_pipeline.core.text.untrusted import docstring

# What models write who think of another language.
_MEANT = {"string": "str", "integer": "int", "boolean": "bool", "void": "None", "null": "None", "": "None"}


def module_interface(module: ModuleDraft) -> str:
    """A module's classes and functions with their docstrings."""
    if not module.classes and not module.functions:
        raise ValueError(f"{module.path} has neither a class nor a function")
    names = [*(item.name for item in module.classes), *(item.name for item in module.functions)]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{module.path} has {sorted(twice)[0]} twice")
    parts = [*map(_class, module.classes), *map(_function, module.functions)]
    return "\n\n\n".join(parts) + "\n"


def _class(given: ClassDraft) -> str:
    head = f"class {given.name}(Exception):" if given.kind == "exception" else f"class {given.name}:"
    if given.kind == "dataclass":
        head = f"@dataclass(frozen=True)\n{head}"
    lines = [head, docstring(given.description, "    ")]
    fields = [f"    {_parameter(field)}" for field in _ordered(given.fields)]
    if fields:
        lines += ["", *fields]
    for method in given.methods:
        lines += ["", _function(method, "    ", "self")]
    return "\n".join(lines)


def _function(given: FunctionDraft, indent: str = "", first: str = "") -> str:
    if keyword.iskeyword(given.name):
        raise ValueError(f"a function cannot be called {given.name!r}")
    parameters = [p for p in given.parameters if p.name not in ("self", first)]
    listed = ", ".join([*([first] if first else []), *map(_parameter, _ordered(parameters))])
    head = f"{indent}def {given.name}({listed}) -> {_expression(given.returns)}:"
    return f"{head}\n{docstring(given.description, indent + '    ')}"


def _ordered(parameters: Sequence[ParameterDraft]) -> list[ParameterDraft]:
    """Those with a default come last."""
    return sorted(parameters, key=lambda item: bool(item.default))


def _parameter(given: ParameterDraft) -> str:
    if keyword.iskeyword(given.name):
        raise ValueError(f"a parameter cannot be called {given.name!r}")
    default = f" = {_expression(given.default)}" if given.default else ""
    return f"{given.name}: {_expression(given.type)}{default}"


def _expression(text: str) -> str:
    meant = _MEANT.get(text.strip().lower(), text.strip())
    try:
        return ast.unparse(ast.parse(meant, mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is no Python type or value") from None
