"""The Python environment that every project is checked in: an interpreter, pytest, coverage and ruff, nothing else.

The tools are copied from HishamOS's own environment, so that this needs no network, and so that a project which forgets
to declare something does not find it all the same. They come compiled, as they are there: nothing could be compiled
in a toolchain later, which the sandbox mounts read-only.
"""

import hashlib
import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import ToolchainError

TOOLS = ("pytest", "pytest-cov", "ruff")
_SITE = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")


@cache
def tools() -> tuple[Distribution, ...]:
    """The tools and what they need, as they are installed beside HishamOS.

    Raises:
        ToolchainError: one of them is missing.
    """
    found: dict[str, Distribution] = {}
    waiting = [*TOOLS]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            raise ToolchainError(f"{name} is not installed beside HishamOS: reinstall the package") from None
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return tuple(found[name] for name in sorted(found))


def differs_from_tools(requirement: Requirement) -> str:
    """What is wrong with a requirement that the tools' own version of its package does not meet; empty for nothing."""
    name = canonicalize_name(requirement.name)
    for item in tools():
        met = requirement.specifier.contains(item.version, prereleases=True)
        if canonicalize_name(item.name) == name and not met:
            return f"{requirement}: projects are checked with {item.name} {item.version}; ask for none or for that"
    return ""


@cache
def base_key() -> str:
    """A hash that changes with the interpreter and with the tools."""
    parts = [sys.version, sysconfig.get_platform(), *(f"{item.name}=={item.version}" for item in tools())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def make_base(folder: Path, final: Path) -> None:
    """Make the environment in ``folder``; its programs will be run from ``final``."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    site = folder / _SITE
    for item in tools():
        for entry in item.files or ():
            source = Path(str(item.locate_file(entry)))
            inside = not any(part == ".." for part in entry.parts)
            if not source.is_file():
                continue
            if inside:
                target = site / entry
            elif source.parent.name == "bin" and not _is_script(source):
                target = folder / "bin" / source.name
            else:
                continue  # scripts are made anew: theirs name another interpreter
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    write_scripts(folder, final, tools())


def site_packages(folder: Path) -> Path:
    """Where an environment keeps its packages."""
    return folder / _SITE


def write_scripts(folder: Path, final: Path, distributions: Iterable[Distribution]) -> None:
    """Make the programs that distributions bring, to be run from ``final``."""
    for name, module, function in _scripts(distributions):
        path = folder / "bin" / name
        if not path.exists():
            path.write_text(
                f"#!{final}/bin/python\nimport sys\nfrom {module} import {function.split('.')[0]}\n"
                f"sys.exit({function}())\n"
            )
            path.chmod(0o755)


def _scripts(distributions: Iterable[Distribution]) -> Iterator[tuple[str, str, str]]:
    for item in distributions:
        for point in item.entry_points.select(group="console_scripts"):
            if re.fullmatch(r"[\w.-]+", point.name) and re.fullmatch(
                r"[\w.]+:[\w.]+", point.value.split(" ")[0]
            ):
                module, _, function = point.value.split(" ")[0].partition(":")
                yield point.name, module, function


def _is_script(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"#!"
