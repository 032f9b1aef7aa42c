"""Implementations without behaviour: trees on which a test that shows something has to fail.

On the first, functions refuse to work; on the others, constants are blank, records cannot be made, or data files are
empty besides. What runs while modules are imported (decorators, registries, computed constants) works until the tests
begin: a plugin of pytest imports every module before that, and then closes the gate.
"""

import ast
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, TypeVar

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.text.annotations import last_name
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.parsing import parse_python

Without = Literal["behaviour", "constants", "records", "data"]
VARIANTS: tuple[Without, ...] = ("constants", "records", "data")
F = TypeVar("F", ast.FunctionDef, ast.AsyncFunctionDef)
_BLANK: Mapping[type, object] = {str: "\u2205", int: -987_654_321, float: -9.87, bytes: b"\x00", bool: None}
# What a class or a mapping to tables is made by.
_SHAPES = frozenset(
    {"__slots__", "__match_args__", "__tablename__", "__table_args__", "__mapper_args__", "__abstract__"}
)
UNIMPORTABLE = 9
# Its name is another one each time, so that no code can know it.
_GATE = """
import importlib

import pytest

closed = False
MODULES = {modules!r}


def record(cls):
    original = cls.__init__

    def __init__(self, *given, **named):
        if closed:
            raise NotImplementedError
        original(self, *given, **named)

    cls.__init__ = __init__
    return cls


def pytest_collection_finish(session):
    global closed
    for name in MODULES:
        try:
            importlib.import_module(name)
        except BaseException as error:
            pytest.exit(f"{{name}} cannot be imported: {{error!r}}", returncode={code})
    closed = True
"""
_REFUSES_LATER = """
try:
    from {gate} import closed as _closed
except ImportError:
    _closed = False
if _closed:
    raise NotImplementedError
"""
_RECORDS = """
try:
    from {gate} import record as _hishamos_record
except ImportError:
    _hishamos_record = lambda cls: cls
"""


class _Stub(ast.NodeTransformer):
    def __init__(self, kept: Collection[str], without: Without, gate: str) -> None:
        self._kept, self._without, self._gate = kept, without, gate

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        if self._without == "records":
            place = sum(_leads(number, part) for number, part in enumerate(node.body))
            node.body[place:place] = parse_python(_RECORDS.format(gate=self._gate)).body
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._gated(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._gated(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        if self._without == "records" and "dataclass" in map(_decorator, node.decorator_list):
            node.decorator_list.insert(0, ast.Name("_hishamos_record"))
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if self._without == "constants" and not names & _SHAPES:
            node.value = ast.List([]) if "__all__" in names else self._blank(node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        if self._without == "constants" and node.value is not None:
            node.value = self._blank(node.value)
        return node

    def _gated(self, node: F) -> F:
        if node.name in self._kept:
            node.body = [*parse_python(_REFUSES_LATER.format(gate=self._gate)).body, *node.body]
        else:
            node.body = parse_python("raise NotImplementedError").body
        return node

    def _blank(self, value: ast.expr) -> ast.expr:
        """A literal without what it says, also as an argument of the project's own classes and functions."""
        if isinstance(value, ast.Constant) and type(value.value) in _BLANK:
            return ast.Constant(_BLANK[type(value.value)])  # type: ignore[arg-type]
        if isinstance(value, ast.UnaryOp):
            return self._blank(value.operand)
        if isinstance(value, ast.Tuple | ast.List | ast.Set):
            value.elts = [self._blank(item) for item in value.elts]
        elif isinstance(value, ast.Dict):
            value.values = [self._blank(item) for item in value.values]
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in self._kept:
            value.args = [self._blank(item) for item in value.args]
            for keyword in value.keywords:
                keyword.value = self._blank(keyword.value)
        return value


def _leads(number: int, node: ast.stmt) -> bool:
    """Whether a statement has to come first: a docstring, or an import from the future."""
    is_text = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _decorator(node: ast.expr) -> str:
    return last_name(node.func if isinstance(node, ast.Call) else node)


def stubbed(
    text: str, kept: Collection[str] = (), without: Without = "behaviour", gate: str = "_gate"
) -> str:
    """A module whose functions refuse to work.

    Args:
        text: the module.
        kept: names of functions that work until the gate is closed.
        without: what it lacks besides.
        gate: the module that closes.

    Raises:
        SyntaxError: if the text is not Python.
    """
    tree = _Stub(kept, without, gate).visit(parse_python(text))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def without_implementation(
    files: tuple[TreeFile, ...],
    texts: Mapping[str, str],
    code: Mapping[str, str],
    without: Without = "behaviour",
) -> tuple[tuple[TreeFile, ...], dict[str, str], str]:
    """A tree whose code has no behaviour, and the name of the plugin in its folder of tests; tests that pass on it show
    nothing.

    Args:
        files: the files of the tree.
        texts: their texts by SHA-256.
        code: the modules of the implementation: what each file is imported as, empty for one that is only started.
        without: what the tree lacks besides.
    """
    modules = [parse_python(texts[file.sha256]) for file in files if file.path in code]
    kept = run_at_import(modules)
    folders = tuple({f"{path.rpartition('/')[0]}/" for path in code if "/" in path})
    names = sorted(name for name in code.values() if name)
    gate = f"_gate_{secrets.token_hex(8)}"
    changed = {f"tests/{gate}.py": _GATE.format(modules=names, code=UNIMPORTABLE)}
    for file in files:
        if file.path in code:
            changed[file.path] = stubbed(texts[file.sha256], kept, without, gate)
        elif without == "data" and file.path.startswith(folders) and not file.path.startswith("tests/"):
            changed[file.path] = ""
    kept_files = tuple(file for file in files if file.path not in changed)
    found = {**texts, **{sha256_text(text): text for text in changed.values()}}
    made = tuple(
        TreeFile(path=path, sha256=sha256_text(text), size=len(text.encode()))
        for path, text in changed.items()
    )
    return (*kept_files, *made), found, gate


def run_at_import(modules: Iterable[ast.Module]) -> frozenset[str]:
    """Names of the functions and classes that run while modules are imported: decorators, what module and class bodies
    name, and what those call in turn, as far as names tell.
    """
    trees = list(modules)
    bodies: dict[str, list[list[ast.stmt]]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                bodies.setdefault(node.name, []).append(node.body)
            elif isinstance(node, ast.ClassDef):
                bodies.setdefault(node.name, []).extend(_made_by(node))
    waiting = [name for tree in trees for name in _named_in(_at_import(tree.body))]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in bodies and name not in found:
            found.add(name)
            waiting += [inner for body in bodies[name] for inner in _named_in(body)]
    return frozenset({*found, *(("__init__", "__post_init__", "__new__") if found else ())})


def _made_by(node: ast.ClassDef) -> Iterator[list[ast.stmt]]:
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name in ("__init__", "__post_init__", "__new__"):
            yield part.body


def _at_import(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """What runs of a body while it is imported."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from node.decorator_list
            yield from (value for value in (*node.args.defaults, *node.args.kw_defaults) if value is not None)
        elif isinstance(node, ast.ClassDef):
            yield from node.decorator_list
            yield from _at_import(node.body)
        elif not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
            yield node


def _named_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                yield part.id
            elif isinstance(part, ast.Attribute):
                yield part.attr
