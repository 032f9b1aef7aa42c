"""Whether code has the public side that was planned for it as a stub."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hishamos_pipeline.core.text.interfaces import (
    ClassInterface,
    Interface,
    is_ellipsis,
    read_interface,
)
from hishamos_pipeline.core.text.parsing import parse_python

# Bases that bring none of the members that a plan names.
_KNOWN_BASES = frozenset(
    """object Enum IntEnum StrEnum Flag IntFlag NamedTuple Protocol Generic ABC TypedDict BaseModel Exception ValueError
    TypeError KeyError LookupError IndexError RuntimeError OSError ArithmeticError AttributeError""".split()
)


def conformance(planned: str, source: str, *, passes_on: bool = False) -> list[str]:
    """``differences``, of code that nobody vouches for: what cannot be compared is a difference, too."""
    try:
        return differences(planned, source, passes_on=passes_on)
    except (SyntaxError, ValueError, TypeError, IndexError, RecursionError, MemoryError) as error:
        return [f"cannot be compared with its interface: {type(error).__name__}: {error}"[:300]]


def differences(planned: str, source: str, *, passes_on: bool = False) -> list[str]:
    """How code differs from its planned interface, a sentence each; none if it has all of it and nothing besides.

    Other functions and classes whose names do not begin with ``_`` are differences; other constants and members are
    none.

    Args:
        planned: the interface as stub text.
        source: the code.
        passes_on: whether names that the stub imports have to be there too, as in ``__init__.py``.

    Raises:
        SyntaxError: one of the two is not Python.
    """
    want, have = read_interface(planned), read_interface(source)
    found = [
        *_compared("", want.functions, have.functions),
        *(f"lacks class {name}" for name in want.classes if name not in _classes(have, passes_on=passes_on)),
        *_constants(want, have),
    ]
    for name, wanted in want.classes.items():
        if name in have.classes:
            found += _class_differences(name, wanted, have.classes[name])
    extra = (have.functions.keys() | have.classes.keys()) - (want.functions.keys() | want.classes.keys())
    if want.listed is not None or passes_on:
        extra -= want.exports | (want.listed or frozenset())
    found += [f"has {name}, which is not planned (begin other names with _)" for name in sorted(extra)]
    if passes_on:
        found += [f"does not pass on {name}" for name in sorted(want.exports - have.exports)]
    if want.listed is not None and want.listed != have.listed:
        said = "nothing" if have.listed is None else ", ".join(sorted(have.listed))
        found.append(f"lists {said} in __all__, planned is {', '.join(sorted(want.listed))}")
    return found


def _classes(found: Interface, *, passes_on: bool) -> set[str]:
    """The classes that a module has; a package may have them by passing them on."""
    return {*found.classes, *(found.exports if passes_on else ())}


def _compared(owner: str, want: Mapping[str, str], have: Mapping[str, str]) -> Iterator[str]:
    for name, text in want.items():
        if name not in have:
            yield f"lacks {owner}{text}"
        elif not _matches(text, have[name]):
            yield f"has {owner}{have[name]}, planned is {text}"


def _constants(want: Interface, have: Interface) -> Iterator[str]:
    for name, text in want.constants.items():
        if name == "__all__":
            continue
        if name not in have.constants and name not in have.exports:
            yield f"lacks the constant {name}"
        elif _differ(text, have.constants.get(name, "")):
            yield f"has {name} = {have.constants[name]}, planned is {text}"


def _class_differences(name: str, want: ClassInterface, have: ClassInterface) -> Iterator[str]:
    if set(want.bases) - set(have.bases):
        bases = ", ".join(have.bases) or "nothing"
        yield f"has class {name} derived from {bases}, planned is {', '.join(want.bases)}"
    inherits = bool({base.partition("[")[0] for base in have.bases} - _KNOWN_BASES)
    if (
        want.constructor
        and not (inherits and not have.constructor)
        and not _matches(want.constructor, have.constructor)
    ):
        yield f"has {name}{have.constructor or '()'}, planned is {name}{want.constructor}"
    for member, text in want.members.items():
        if member in have.members:
            if not _matches(text, have.members[member]):
                yield f"has {name}.{have.members[member]}, planned is {text}"
        elif member not in have.attributes | have.generated and not inherits:
            yield f"lacks {name}.{text}"
    if not inherits:
        yield from (f"lacks the attribute {name}.{item}" for item in sorted(want.attributes - _known(have)))


def _known(found: ClassInterface) -> frozenset[str]:
    return found.attributes | frozenset(found.members)


def _matches(want: str, have: str) -> bool:
    """Whether a signature is as planned. What the plan leaves open is open: an annotation, or a default ``...``."""
    if want == have or want.startswith("overload"):
        return want == have
    if want.startswith("property ") or have.startswith("property "):
        return " -> " not in want and want == have.partition(" -> ")[0]
    if "overload" in have.split("(")[0]:
        return False
    wanted, found = (parse_python(f"def f{_parameters(text)}: pass").body[0] for text in (want, have))
    assert isinstance(wanted, ast.FunctionDef) and isinstance(found, ast.FunctionDef)
    for planned, own in zip(_arguments(wanted.args), _arguments(found.args), strict=False):
        planned.annotation = planned.annotation or own.annotation
    wanted.returns = wanted.returns or found.returns
    _drop_more_defaults(wanted.args, found.args)
    _fill_defaults(wanted.args.defaults, found.args.defaults)
    _fill_defaults(wanted.args.kw_defaults, found.args.kw_defaults)
    return want.split("(")[0] == have.split("(")[0] and ast.unparse(wanted) == ast.unparse(found)


def _drop_more_defaults(want: ast.arguments, have: ast.arguments) -> None:
    """Leave out defaults that code gives where none is planned: whoever calls it as planned notices nothing."""
    more = len(have.defaults) - len(want.defaults)
    if more > 0 and len(have.posonlyargs + have.args) == len(want.posonlyargs + want.args):
        del have.defaults[:more]
    for number, (planned, own) in enumerate(zip(want.kw_defaults, have.kw_defaults, strict=False)):
        if planned is None and own is not None:
            have.kw_defaults[number] = None


def _fill_defaults(values: list[Any], others: Sequence[ast.expr | None]) -> None:
    """Put what code has in the place of planned defaults that are left open."""
    for number, (value, other) in enumerate(zip(values, others, strict=False)):
        if value is not None and other is not None and is_ellipsis(value):
            values[number] = other


def _arguments(given: ast.arguments) -> list[ast.arg]:
    more = [item for item in (given.vararg, given.kwarg) if item is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *more]


def _parameters(signature: str) -> str:
    return signature[signature.index("(") :]


def _differ(one: str, other: str) -> bool:
    """Whether two literals have other values; what is no literal cannot be compared."""
    try:
        return bool(ast.literal_eval(one) != ast.literal_eval(other))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
