"""Code that reaches for what judges it: pytest's inside, its reports and hooks, or the end of the process.

A program can always find another way; these are the ways that are found in practice. What gets past them is caught by
runs whose results are known beforehand: tests without the code, mutants, and planted tests.
"""

import ast
import tomllib
from collections.abc import Collection, Iterator, Mapping

from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.stacks.python.layout import shadows
from hishamos_pipeline.verification.imports import table

_MODULES = frozenset({"_pytest", "pluggy", "sitecustomize", "usercustomize", "coverage", "pytest_cov"})
_CODE_ONLY = frozenset({"pytest", "unittest"})
# In tests alone: a product may well do these things.
_TESTS_ONLY = frozenset({"ctypes", "gc", "importlib", "builtins"})
_ANYWHERE = frozenset(
    {("os", "_exit"), ("os", "abort"), ("sys", "modules"), ("sys", "meta_path"), ("sys", "_getframe")}
)
_IN_TESTS = frozenset({("os", "kill"), ("os", "killpg"), ("sys", "settrace"), ("sys", "setprofile"),
                       ("atexit", "register")})  # fmt: skip
_OPAQUE = frozenset({"os", "sys", "pytest", "builtins"})
_STREAMS = frozenset({"stdin", "stdout", "stderr"})
# What tests may take out of a module that they may not import.
_HARMLESS = frozenset(
    {f"importlib.metadata.{name}" for name in ("version", "metadata", "requires", "PackageNotFoundError")}
    | {f"importlib.resources.{name}" for name in ("files", "as_file", "read_text", "read_binary")}
)
_CALLS = frozenset({"exec", "eval", "__import__"})
# By these a program comes at what it does not name.
_INSIDE = frozenset(
    """__builtins__ __subclasses__ __globals__ __getattribute__ __code__ __closure__ __loader__ __import__""".split()
)
_PUT_TOGETHER = _CALLS | _INSIDE | {"modules", "compile", "pytest", "_pytest", "conftest", "runtest"}
_TEXTS = (
    "PYTEST_CURRENT_TEST",
    "PYTEST_ADDOPTS",
    ".hishamos-junit",
    ".hishamos-coverage",
    ".hishamos-mutants",
)
_CONFIGURATIONS = frozenset({"pytest.ini", "tox.ini", "setup.cfg", "pytest.toml", ".pytest.ini", ".pytest.toml",
                             ".coveragerc", "sitecustomize.py", "usercustomize.py", "conftest.py", "ruff.toml",
                             ".ruff.toml"})  # fmt: skip
_OPTIONS = frozenset({"testpaths", "pythonpath", "asyncio_mode", "markers", "filterwarnings", "minversion",
                      "asyncio_default_fixture_loop_scope"})  # fmt: skip


def tampering(texts: Mapping[str, str], code: Collection[str]) -> list[str]:
    """What in a tree reaches for its judge, as ``path:line: what``.

    Args:
        texts: the files of a tree by path; Python files that do not parse are passed over.
        code: paths of the implementation.
    """
    found = []
    for path, text in sorted(texts.items()):
        if path.rsplit("/", 1)[-1] in _CONFIGURATIONS and path != "tests/conftest.py":
            found.append(f"{path}: configures what judges the project")
        if shadows(path):
            found.append(f"{path}: would be imported in place of a module of Python or of its tests")
        if path.endswith((".pth", ".egg-link")):
            found.append(f"{path}: is executed by Python at its start")
        if path.endswith(".py"):
            try:
                tree = parse_python(text)
            except SyntaxError:
                continue
            found += [f"{path}:{line}: {what}" for line, what in _in_module(tree, path in code)]
    return found + _options(texts.get("pyproject.toml", ""))


def _in_module(tree: ast.Module, is_code: bool) -> Iterator[tuple[int, str]]:
    aliases = _aliases(tree)
    modules = _MODULES | (_CODE_ONLY if is_code else _TESTS_ONLY)
    attributes = _ANYWHERE if is_code else _ANYWHERE | _IN_TESTS
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _in_import(node, modules, attributes)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = aliases.get(node.value.id, node.value.id)
            if (module, node.attr) in attributes:
                yield node.lineno, f"uses {module}.{node.attr}"
            elif module == "pytest" and isinstance(node.ctx, ast.Store | ast.Del):
                yield node.lineno, f"replaces pytest.{node.attr}"
            elif node.attr == "__dict__" and module in _OPAQUE:
                yield node.lineno, f"reaches into {module}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            named = {aliases.get(name, name) for name in _reached(node)}
            if node.func.id in _CALLS:
                yield node.lineno, f"calls {node.func.id}"
            elif node.func.id in ("setattr", "delattr") and "pytest" in named:
                yield node.lineno, "replaces a part of pytest"
            elif node.func.id in ("getattr", "vars", "setattr", "delattr") and named & _OPAQUE:
                yield node.lineno, f"reaches into {', '.join(sorted(named & _OPAQUE))}"
        elif isinstance(node, ast.BinOp) and (name := _put_together(node)) in _PUT_TOGETHER:
            yield node.lineno, f"puts the name {name} together"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node.lineno, f"names {text}") for text in _TEXTS if text in node.value)
        reached = (
            node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        )
        if reached in _INSIDE:
            yield getattr(node, "lineno", 0), f"reaches into Python by {reached}"
        yield from (
            (line, f"hooks into pytest with {name}")
            for line, name in _bound(node)
            if name.startswith("pytest_")
        )


def _reached(call: ast.Call) -> Iterator[str]:
    """The names in a call's first argument; none where that is a standard stream that is asked for an attribute."""
    if not call.args:
        return
    first = call.args[0]
    if isinstance(first, ast.Attribute) and first.attr in _STREAMS:
        asked = call.args[1] if len(call.args) > 1 else None
        if isinstance(asked, ast.Constant) and not str(asked.value).startswith("__"):
            return
    yield from (node.id for node in ast.walk(first) if isinstance(node, ast.Name))


def _put_together(node: ast.expr) -> str:
    """The text that adding texts gives; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _put_together(node.left), _put_together(node.right)
        return left + right if left and right else ""
    return ""


def _in_import(
    node: ast.Import | ast.ImportFrom, modules: frozenset[str], attributes: frozenset[tuple[str, str]]
) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, f"imports {a.name}") for a in node.names if a.name.split(".")[0] in modules)
        return
    module = node.module or ""
    harmless = all(f"{module}.{a.name}" in _HARMLESS for a in node.names)
    if module.split(".")[0] in modules and not node.level and not harmless:
        yield node.lineno, f"imports {node.module}"
    used = (a.name for a in node.names if (node.module, a.name) in attributes)
    yield from ((node.lineno, f"uses {node.module}.{name}") for name in used)


def _bound(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that a statement binds: pytest takes any module-level name for a hook that is called like one."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.lineno, node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.lineno, node.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((node.lineno, alias.asname) for alias in node.names if alias.asname)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What a module is called here, and what it is."""
    return {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname
    }


def _options(pyproject: str) -> list[str]:
    """Options of pytest and coverage that leave something out."""
    try:
        tools = table(tomllib.loads(pyproject), "tool")
    except tomllib.TOMLDecodeError as error:
        return [f"pyproject.toml: cannot be read: {error}"]
    pytest = table(table(tools, "pytest"), "ini_options")
    found = [f"pyproject.toml: sets pytest's {name}" for name in sorted(set(pytest) - _OPTIONS)]
    coverage = table(tools, "coverage")
    omitted = table(coverage, "run").get("omit", [])
    listed = omitted if isinstance(omitted, list) else [omitted]
    found += [f"pyproject.toml: leaves {name} out of coverage" for name in listed if name != "*/__main__.py"]
    if "report" in coverage:
        found.append("pyproject.toml: sets coverage's report")
    return found
