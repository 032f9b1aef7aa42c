"""An implementation without its behaviour: the same signatures, every body refuses to work.

What runs while modules are imported (decorators, registries, computed constants) works until the first test begins, so
that tests can be collected. A second tree has blank constants, plain classes and empty data files besides: tests of
those show something only if they fail there.
"""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.parsing import parse_python

F = TypeVar("F", ast.FunctionDef, ast.AsyncFunctionDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLANK: Mapping[type, object] = {str: "\u2205", int: -987_654_321, float: -9.87, bytes: b"\x00", bool: None}
GATE_MODULE = "_hishamos_gate"
# A plugin of pytest, on Python's path beside the tests: closed from the first test on.
GATE = """
closed = False


def pytest_runtest_setup(item):
    global closed
    closed = True
"""
_GATE = f"""
try:
    from {GATE_MODULE} import closed as _closed
except ImportError:
    _closed = False
if _closed:
    raise NotImplementedError
"""
_SHAPES = frozenset({"__slots__", "__match_args__"})  # what a class is made by


class _Stub(ast.NodeTransformer):
    def __init__(self, kept: Collection[str]) -> None:
        self._kept = kept

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._emptied(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._emptied(node)

    def _emptied(self, node: F) -> F:
        if node.name in self._kept:
            node.body = [*ast.parse(_GATE).body, *node.body]
        else:
            node.body = ast.parse("raise NotImplementedError").body
        return node


class _Blank(_Stub):
    """Literals of modules and classes are blank besides, and a dataclass is a plain class."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        if node.name not in self._kept:
            node.decorator_list = []
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if not names & _SHAPES:
            node.value = _blank(node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.value = _blank(node.value) if node.value is not None else None
        return node


def _blank(value: ast.expr) -> ast.expr:
    """A literal without what it says; what is computed stays."""
    if isinstance(value, ast.Constant) and type(value.value) in _BLANK:
        return ast.Constant(_BLANK[type(value.value)])  # type: ignore[arg-type]
    if isinstance(value, ast.UnaryOp):
        return _blank(value.operand)
    if isinstance(value, ast.Tuple | ast.List | ast.Set):
        value.elts = [_blank(item) for item in value.elts]
    elif isinstance(value, ast.Dict):
        value.values = [_blank(item) for item in value.values]
    return value


def stubbed(text: str, kept: Collection[str] = (), *, blank: bool = False) -> str:
    """The module with every function body replaced.

    Args:
        text: the module.
        kept: names of functions that work until the first test begins.
        blank: whether its literals are blank, too, and its classes plain.

    Raises:
        SyntaxError: if the text is not Python.
    """
    tree = (_Blank if blank else _Stub)(kept).visit(parse_python(text))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def without_implementation(
    files: tuple[TreeFile, ...], texts: Mapping[str, str], code: Collection[str], *, blank: bool = False
) -> tuple[tuple[TreeFile, ...], dict[str, str]]:
    """A tree whose code has no behaviour; tests that pass on it show nothing.

    Args:
        files: the files of the tree.
        texts: their texts by SHA-256.
        code: paths of the implementation.
        blank: whether constants and data files are blank, too.
    """
    modules = [parse_python(texts[file.sha256]) for file in files if file.path in code]
    kept = run_at_import(modules)
    folders = tuple({f"{path.rpartition('/')[0]}/" for path in code if "/" in path})
    stubs: list[TreeFile] = []
    found = dict(texts)
    for file in files:
        text = None
        if file.path in code:
            text = stubbed(texts[file.sha256], kept, blank=blank)
        elif blank and file.path.startswith(folders) and not file.path.startswith("tests/"):
            text = ""
        if text is not None:
            digest = sha256_text(text)
            found[digest] = text
            file = file.model_copy(update={"sha256": digest, "size": len(text.encode())})
        stubs.append(file)
    gate = TreeFile(path=f"tests/{GATE_MODULE}.py", sha256=sha256_text(GATE), size=len(GATE))
    return (*stubs, gate), {**found, gate.sha256: GATE}


def run_at_import(modules: Iterable[ast.Module]) -> frozenset[str]:
    """Names of the functions that run while modules are imported: decorators, what module and class bodies call, and
    what those call in turn, as far as names tell.
    """
    trees = list(modules)
    bodies: dict[str, list[_Function]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                bodies.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.FunctionDef) and part.name in (
                        "__init__",
                        "__post_init__",
                        "__new__",
                    ):
                        bodies.setdefault(node.name, []).append(part)
    waiting = [name for tree in trees for name in _called_by(_at_import(tree.body))]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in bodies and name not in found:
            found.add(name)
            waiting += [called for function in bodies[name] for called in _called_by(function.body)]
            found |= {function.name for function in bodies[name]}
    return frozenset(found)


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


def _called_by(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):  # a decorator without arguments
            yield node.id
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                if isinstance(part.func, ast.Name):
                    yield part.func.id
                elif isinstance(part.func, ast.Attribute):
                    yield part.func.attr
