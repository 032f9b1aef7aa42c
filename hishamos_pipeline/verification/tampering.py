"""Code that reaches for what judges it: pytest's inside, its reports and hooks, or the end of the process.

A program can always find another way; these are the ways that are found in practice. What gets past them is caught by
runs whose results are known beforehand: tests without the code, mutants, and planted tests.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping

_MODULES = frozenset(
    {"_pytest", "pluggy", "ctypes", "sitecustomize", "usercustomize", "coverage", "pytest_cov"}
)
_CODE_ONLY = frozenset({"pytest", "unittest"})
_ATTRIBUTES = frozenset({("os", "_exit"), ("os", "abort"), ("os", "kill"), ("os", "killpg"), ("sys", "modules"),
                         ("sys", "meta_path"), ("sys", "settrace"), ("sys", "setprofile"), ("gc", "get_objects"),
                         ("gc", "get_referrers"), ("sys", "_getframe"), ("atexit", "register")})  # fmt: skip
_CALLS = frozenset({"exec", "eval", "compile", "__import__"})
_TEXTS = ("PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS", "hishamos-", "junitxml")
_CONFIGURATIONS = frozenset({"pytest.ini", "tox.ini", "setup.cfg", "pytest.toml", ".pytest.ini", ".pytest.toml",
                             ".coveragerc", "sitecustomize.py", "usercustomize.py", "conftest.py", "ruff.toml",
                             ".ruff.toml"})  # fmt: skip
_OPTIONS = frozenset({"testpaths", "pythonpath", "asyncio_mode", "markers", "filterwarnings", "minversion",
                      "asyncio_default_fixture_loop_scope"})  # fmt: skip


def tampering(texts: Mapping[str, str], package: str) -> list[str]:
    """What in a tree reaches for its judge, as ``path:line: what``.

    Args:
        texts: the files of a tree by path; Python files that do not parse are passed over.
        package: folder of the implementation, with a slash at its end.
    """
    found = []
    for path, text in sorted(texts.items()):
        if path.rsplit("/", 1)[-1] in _CONFIGURATIONS and path != "tests/conftest.py":
            found.append(f"{path}: configures what judges the project")
        if path.endswith((".pth", ".egg-link")):
            found.append(f"{path}: is executed by Python at its start")
        if path.endswith(".py"):
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
            found += [f"{path}:{line}: {what}" for line, what in _in_module(tree, path.startswith(package))]
    return found + _options(texts.get("pyproject.toml", ""))


def _in_module(tree: ast.Module, is_code: bool) -> Iterator[tuple[int, str]]:
    forbidden = _MODULES | _CODE_ONLY if is_code else _MODULES
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                (node.lineno, f"imports {a.name}") for a in node.names if a.name.split(".")[0] in forbidden
            )
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in forbidden and not node.level:
                yield node.lineno, f"imports {node.module}"
            yield from (
                (node.lineno, f"uses {node.module}.{a.name}")
                for a in node.names
                if (node.module, a.name) in _ATTRIBUTES
            )
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and (node.value.id, node.attr) in _ATTRIBUTES:
                yield node.lineno, f"uses {node.value.id}.{node.attr}"
            elif (
                isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == "pytest"
            ):
                yield node.lineno, f"replaces pytest.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in _CALLS:
                yield node.lineno, f"calls {node.func.id}"
            elif node.func.id in ("setattr", "delattr") and node.args and _names_pytest(node.args[0]):
                yield node.lineno, "replaces a part of pytest"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("pytest_"):
            yield node.lineno, f"hooks into pytest with {node.name}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node.lineno, f"names {text}") for text in _TEXTS if text in node.value)


def _names_pytest(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "pytest" for part in ast.walk(node))


def _options(pyproject: str) -> list[str]:
    """Options of pytest and coverage that leave something out."""
    try:
        tools = tomllib.loads(pyproject).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        return [f"pyproject.toml: cannot be read: {error}"]
    pytest = tools.get("pytest", {}).get("ini_options", {})
    found = [f"pyproject.toml: sets pytest's {name}" for name in sorted(set(pytest) - _OPTIONS)]
    omitted = tools.get("coverage", {}).get("run", {}).get("omit", [])
    found += [f"pyproject.toml: leaves {name} out of coverage" for name in omitted if name != "*/__main__.py"]
    if "report" in tools.get("coverage", {}):
        found.append("pyproject.toml: sets coverage's report")
    return found
