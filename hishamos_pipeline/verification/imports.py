"""What code imports against what the project declares."""

import ast
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.toolchains.python_base import TOOLS

# Import names that differ from the distribution's; all others are compared as they are.
_DISTRIBUTIONS = {
    "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "dotenv": "python-dotenv", "git": "gitpython", "github": "pygithub", "jose": "python-jose", "jwt": "pyjwt",
    "magic": "python-magic", "multipart": "python-multipart", "pil": "pillow", "psycopg2": "psycopg2-binary",
    "serial": "pyserial", "sklearn": "scikit-learn", "slugify": "python-slugify", "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip
# Distributions that are imported through another name that belongs to them too.
_BRINGS = {"fastapi": {"starlette", "pydantic"}, "pydantic-settings": {"pydantic"}}


def declared(pyproject: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The requirements of the project as it runs, and those of its ``dev`` extra.

    Raises:
        tomllib.TOMLDecodeError: the file cannot be read.
    """
    project = table(tomllib.loads(pyproject), "project")
    extras = table(project, "optional-dependencies")
    return _texts(project.get("dependencies")), _texts(extras.get("dev"))


def table(value: object, name: str) -> dict[str, object]:
    """A table of a TOML document by its name; empty if there is none, or if it is something else."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def declared_requirements(pyproject: str) -> tuple[str, ...]:
    """All requirements of a project, without the tools that every toolchain holds; none if it cannot be read."""
    try:
        runs, develops = declared(pyproject)
    except tomllib.TOMLDecodeError:
        return ()  # another check names it
    return tuple(
        text for text in dict.fromkeys((*runs, *develops)) if not distributions((text,)) & set(TOOLS)
    )


def undeclared_imports(
    texts: Mapping[str, str], package: str, code: Collection[str] = ()
) -> tuple[int, list[str]]:
    """How many imports there are, and which of them nothing declares, as ``path:line: imports name``.

    Args:
        texts: the files of a tree by path; its Python files parse.
        package: the import name of the project.
        code: paths of the implementation; its scripts at the root are modules too.
    """
    try:
        runs, develops = declared(texts.get("pyproject.toml", ""))
    except tomllib.TOMLDecodeError as error:
        return 0, [f"pyproject.toml: cannot be read: {error}"]
    known, tested = distributions(runs), distributions((*runs, *develops))
    scripts = {path.removesuffix(".py") for path in code if "/" not in path}
    beside = {path.removeprefix("tests/").removesuffix(".py") for path in texts if path.startswith("tests/")}
    offending, count = [], 0
    for path, text in sorted(texts.items()):
        if not path.endswith(".py"):
            continue
        is_test = path.startswith("tests/")
        for line, name in imports(text):
            count += 1
            top = name.split(".")[0]
            if (
                top in sys.stdlib_module_names
                or top == package
                or top in scripts
                or (is_test and top in beside)
            ):
                continue
            if distribution(top) not in (tested if is_test else known):
                offending.append(f"{path}:{line}: imports {name}, which pyproject.toml does not declare")
    return count, offending


def imports(text: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that is imported by its absolute name."""
    for node in ast.walk(parse_python(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""


def distribution(module: str) -> str:
    """The distribution that a module of this top-level name comes from, as far as names tell."""
    return _DISTRIBUTIONS.get(module.lower(), canonicalize_name(module))


def distributions(requirements: Sequence[str]) -> set[str]:
    """The distributions that some requirements name, with those that belong to them."""
    found = set()
    for text in requirements:
        try:
            name = canonicalize_name(Requirement(text).name)
        except InvalidRequirement:
            continue  # a finding of the toolchain
        found |= {name, *_BRINGS.get(name, ())}
    return found
