"""The public side of a Python module as stub text: read, brought into one form, and compared with code.

Python's own ``ast`` does it: stubs are small, nothing has to be imported or resolved, and the form that is compared is
ours. What is compared is what a caller sees: names, parameters, defaults, annotations, bases, constructors, properties.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from hishamos_pipeline.core.text.annotations import as_type, last_name, type_text
from hishamos_pipeline.core.text.parsing import parse_python

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_ALLOWED = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.ClassDef, *_FUNCTION)
_ASSIGNED = (ast.Assign, ast.AnnAssign)
_PROPERTIES = frozenset({"property", "cached_property"})
# Decorators that callers notice; what else is written above a function is the code's own business.
_KINDS = frozenset({"staticmethod", "classmethod", "abstractmethod", "overload"})
ANY_DEFAULT = "..."


@dataclass(frozen=True, slots=True)
class ClassInterface:
    """A class as its callers see it: bases, how it is made, and its members by name.

    ``generated`` are special methods that nobody writes: a dataclass has them.
    """

    bases: tuple[str, ...]
    constructor: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()
    generated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Interface:
    """The public side of a module: functions, classes, constants, and the names that it lists or passes on."""

    functions: Mapping[str, str]
    classes: Mapping[str, ClassInterface]
    constants: Mapping[str, str]
    exports: frozenset[str]
    listed: frozenset[str] | None  # ``__all__``


def normalised(stub: str) -> str:
    """A stub in one form: what is no stub of it is left out, docstrings stay.

    Raises:
        ValueError: it is no Python, or has something that no stub has; a sentence for whoever wrote it.
    """
    try:
        module = parse_python(stub)
    except SyntaxError as error:
        raise ValueError(f"its interface is no Python: line {error.lineno}: {error.msg}") from None
    body: list[ast.stmt] = []
    for number, node in enumerate(module.body):
        if _is_text(node) or (isinstance(node, ast.Expr) and is_ellipsis(node.value)):
            # A text is the module's, or that of the constant above it.
            above = module.body[number - 1] if number else None
            body += [node] if _is_text(node) and (above is None or isinstance(above, _ASSIGNED)) else []
        elif not isinstance(node, _ALLOWED):
            raise ValueError(
                f"its interface has `{ast.unparse(node).splitlines()[0]}`: "
                "write imports, constants, classes and functions"
            )
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            raise ValueError("its interface imports `*`: name what is meant")
        else:
            body.append(_bare(node))
    seen: set[str] = set()
    for node in body:
        if isinstance(node, (ast.ClassDef, *_FUNCTION)) and "overload" not in _decorators(node):
            if node.name in seen:
                raise ValueError(f"its interface has {node.name} twice")
            seen.add(node.name)
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, []))) + "\n" if body else ""


def signatures(stub: str) -> dict[str, str]:
    """What a stub offers by name, each without its docstrings: what a change of prose alone leaves as it is.

    Raises:
        SyntaxError: the stub is not Python.
    """
    found: dict[str, str] = {}
    for node in parse_python(stub).body:
        if isinstance(node, (ast.ClassDef, *_FUNCTION)):
            names = [node.name]
        elif isinstance(node, _ASSIGNED):
            names = [name for name, _, _ in _assigned(node)]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
        else:
            continue
        text = ast.unparse(_without_texts(node))
        for name in names:
            found[name] = f"{found[name]}\n{text}" if name in found else text
    return found


@lru_cache(maxsize=4096)
def outline(stub: str) -> str:
    """A stub without its docstrings; as it is where it is no Python."""
    try:
        body = [_without_texts(node) for node in parse_python(stub).body if not _is_text(node)]
    except SyntaxError:
        return stub
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))


def read_interface(source: str) -> Interface:
    """The public side of a stub or of code.

    Raises:
        SyntaxError: the source is not Python.
    """
    functions: dict[str, str] = {}
    classes: dict[str, ClassInterface] = {}
    constants: dict[str, str] = {}
    exports: set[str] = set()
    listed: frozenset[str] | None = None
    for node in _statements(parse_python(source).body):
        if isinstance(node, _FUNCTION):
            _add_function(functions, node)
        elif isinstance(node, ast.ClassDef):
            classes[node.name] = _class(node)
        elif isinstance(node, ast.ImportFrom):
            exports |= {alias.asname or alias.name for alias in node.names}
        else:
            for name, value, annotation in _assigned(node):
                if name == "__all__":
                    listed = _names_in(value)
                constants[name] = _constant(value, annotation)
    public = {name for name in (*functions, *classes, *constants) if not name.startswith("_")}
    return Interface(
        {name: text for name, text in functions.items() if not name.startswith("_")},
        {name: found for name, found in classes.items() if not name.startswith("_")},
        {name: text for name, text in constants.items() if name in public or _is_dunder(name)},
        frozenset(exports | public),
        listed,
    )


def is_whole(stub: str) -> bool:
    """Whether a stub is the code itself: imports and constants with their values, and nothing that has a body.

    Raises:
        SyntaxError: the stub is not Python.
    """
    body = [node for number, node in enumerate(parse_python(stub).body) if number or not _is_text(node)]
    return bool(body) and all(
        isinstance(node, ast.Import | ast.ImportFrom)
        or (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and node.value is not None
            and not is_ellipsis(node.value)
        )
        for node in body
    )


def is_empty(stub: str) -> bool:
    """Whether a stub offers nothing at all."""
    found = read_interface(stub)
    return not (found.functions or found.classes or found.constants or found.listed)


def _class(node: ast.ClassDef) -> ClassInterface:
    members: dict[str, str] = {}
    attributes: set[str] = set()
    fields: list[ast.AnnAssign] = []
    init: _Function | None = None
    for part in _statements(node.body):
        if isinstance(part, _FUNCTION):
            if part.name in ("__init__", "__new__"):
                init = part if part.name == "__init__" or init is None else init
            elif not part.name.startswith("_") or _is_dunder(part.name):
                _add_function(members, part)
            attributes |= _set_on_self(part)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            fields.append(part)
            attributes.add(part.target.id)
        else:
            attributes |= {name for name, _, _ in _assigned(part)}
    bases = tuple(type_text(base) for base in node.bases)
    constructor = ""
    if init is not None:
        constructor = f"({ast.unparse(_plain_arguments(init.args, skip_first=True))})"
    elif "dataclass" in _decorators(node) or "NamedTuple" in bases:
        constructor = f"({', '.join(_field(item) for item in fields if not _is_class_variable(item))})"
    public = frozenset(name for name in attributes if not name.startswith("_"))
    return ClassInterface(bases, constructor, members, public, _generated(node))


def _generated(node: ast.ClassDef) -> frozenset[str]:
    """The special methods that a dataclass has by its decorator; see the ``dataclasses`` module."""
    if "dataclass" not in _decorators(node):
        return frozenset()
    given = {
        word.arg: getattr(word.value, "value", None)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and last_name(decorator.func) == "dataclass"
        for word in decorator.keywords
    }
    found = {"__eq__"} if given.get("eq", True) else set()
    found |= {"__repr__"} if given.get("repr", True) else set()
    found |= (
        {"__hash__"} if given.get("unsafe_hash") or ("__eq__" in found and given.get("frozen")) else set()
    )
    found |= {"__lt__", "__le__", "__gt__", "__ge__"} if given.get("order") else set()
    return frozenset(found)


def _field(item: ast.AnnAssign) -> str:
    assert isinstance(item.target, ast.Name)
    default = f"={_default(item.value)}" if item.value is not None else ""
    return f"{item.target.id}: {type_text(item.annotation)}{default}"


def _default(value: ast.expr | None) -> str:
    """A field's default; one that is made for each object is any default."""
    if isinstance(value, ast.Call) and last_name(value.func) == "field":
        return ANY_DEFAULT
    return ast.unparse(value) if value is not None else ANY_DEFAULT


def _is_class_variable(item: ast.AnnAssign) -> bool:
    return type_text(item.annotation).startswith("ClassVar")


def _add_function(found: dict[str, str], node: _Function) -> None:
    kinds = _decorators(node)
    if kinds & {"setter", "deleter"}:
        return
    text = _signature(node)
    if "overload" in kinds and "overload" in found.get(node.name, ""):
        text = f"{found[node.name]} {text}"
    elif "overload" in found.get(node.name, ""):
        return  # the implementation of overloads is the code's own business
    found[node.name] = text


def _signature(node: _Function) -> str:
    kinds = _decorators(node)
    if kinds & _PROPERTIES:
        returns = f" -> {type_text(node.returns)}" if node.returns else ""
        return f"property {node.name}{returns}"
    before = "".join(f"{kind} " for kind in sorted(kinds & _KINDS))
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {type_text(node.returns)}" if node.returns else ""
    return f"{before}{word} {node.name}({ast.unparse(_plain_arguments(node.args))}){returns}"


def _plain_arguments(given: ast.arguments, *, skip_first: bool = False) -> ast.arguments:
    """Parameters with annotations in one form; without ``self`` where that is meant to be skipped."""
    positional = list(given.posonlyargs)[skip_first:]
    skip_first = skip_first and not given.posonlyargs

    def plain(argument: ast.arg) -> ast.arg:
        annotation = as_type(argument.annotation) if argument.annotation else None
        return ast.arg(argument.arg, annotation)

    return ast.arguments(
        posonlyargs=[plain(item) for item in positional],
        args=[plain(item) for item in given.args[skip_first:]],
        vararg=plain(given.vararg) if given.vararg else None,
        kwonlyargs=[plain(item) for item in given.kwonlyargs],
        kw_defaults=list(given.kw_defaults),
        kwarg=plain(given.kwarg) if given.kwarg else None,
        defaults=list(given.defaults),
    )


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a body, with those under conditions such as ``TYPE_CHECKING`` or a try."""
    for node in body:
        if isinstance(node, ast.If):
            never = isinstance(node.test, ast.Constant) and not node.test.value
            if not never and last_name(node.test) != "TYPE_CHECKING":
                yield from _statements([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handlers = [part for handler in node.handlers for part in handler.body]
            yield from _statements([*node.body, *handlers, *node.orelse, *node.finalbody])
        else:
            yield node


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """Names that a statement binds, with value and annotation."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, node.value, node.annotation
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if isinstance(part, ast.Name):
                    yield part.id, node.value if part is target else None, None


def _constant(value: ast.expr | None, annotation: ast.expr | None) -> str:
    if value is None or is_ellipsis(value):
        return ""
    return ast.unparse(value)


def _names_in(value: ast.expr | None) -> frozenset[str]:
    elements = value.elts if isinstance(value, ast.List | ast.Tuple) else []
    return frozenset(
        item.value for item in elements if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )


def _set_on_self(function: _Function) -> set[str]:
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def _bare(node: ast.stmt) -> ast.stmt:
    """A statement of a stub with empty bodies; of a class, its members."""
    if isinstance(node, ast.ClassDef):
        text = [node.body[0]] if _is_text(node.body[0]) else []
        kept = [
            _bare(part)
            for above, part in zip([None, *node.body], node.body, strict=False)
            if isinstance(part, _ALLOWED) or (_is_text(part) and isinstance(above, _ASSIGNED))
        ]
        return ast.ClassDef(
            name=node.name, bases=node.bases, keywords=node.keywords, decorator_list=node.decorator_list,
            body=[*text, *kept] or [ast.Expr(ast.Constant(...))],
        )  # fmt: skip
    if isinstance(node, _FUNCTION):
        text = [node.body[0]] if _is_text(node.body[0]) else []
        return type(node)(
            name=node.name, args=node.args, decorator_list=node.decorator_list, returns=node.returns,
            body=text or [ast.Expr(ast.Constant(...))],
        )  # fmt: skip
    return node


def _without_texts(node: ast.stmt) -> ast.stmt:
    if not isinstance(node, (ast.ClassDef, *_FUNCTION)):
        return node
    body = [_without_texts(part) for part in node.body if not _is_text(part)]
    copied = {**dict(ast.iter_fields(node)), "body": body or [ast.Expr(ast.Constant(...))]}
    return ast.fix_missing_locations(ast.copy_location(type(node)(**copied), node))


def _decorators(node: ast.ClassDef | _Function) -> set[str]:
    return {last_name(item.func if isinstance(item, ast.Call) else item) for item in node.decorator_list}


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_ellipsis(node: ast.expr) -> bool:
    """Whether an expression is ``...``, which stands for what a stub leaves open."""
    return isinstance(node, ast.Constant) and node.value is ...


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
