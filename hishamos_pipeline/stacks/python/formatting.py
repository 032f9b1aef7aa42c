"""Brings the files of a project into their final shape: imports sorted, unused ones removed, formatted."""

import asyncio
import sysconfig
from pathlib import Path

from hishamos_pipeline.errors import ToolMissingError

_SELECT = "I,F401,RUF022"


def ruff_path() -> str:
    """The ruff of this environment.

    Raises:
        ToolMissingError: if it is not installed.
    """
    path = Path(sysconfig.get_path("scripts")) / "ruff"
    if not path.exists():
        raise ToolMissingError("ruff is not installed beside HishamOS: reinstall the package")
    return str(path)


async def tidy(text: str, package: str) -> str:
    """Format Python source as the generated project's own settings ask for.

    Raises:
        SyntaxError: if the text is not Python; the blueprint at fault is ours.
    """
    own = f"lint.isort.known-first-party=['{package}', 'factories']"
    sorted_text = await _ruff(text, "check", "--fix-only", "--select", _SELECT, "--config", own)
    return await _ruff(sorted_text, "format")


async def tidy_file(path: str, text: str, package: str) -> str:
    """Format a file of a project as its own checks ask for: Python, and the code blocks of Markdown.

    Raises:
        SyntaxError: the text of a Python file is not Python.
    """
    if path.endswith(".py"):
        return await tidy(text, package)
    if path.endswith(".md"):
        return await _ruff(text, "format", "--stdin-filename", path)
    return text


async def _ruff(text: str, verb: str, *options: str) -> str:
    command = (
        ruff_path(), verb, "--isolated", "--no-cache", "--quiet", "--config", "line-length=100",
        "--target-version", "py311", *options, "-",
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate(text.encode())
    if process.returncode != 0:
        raise SyntaxError(f"ruff {verb} refused a rendered file: {error.decode()[:500]}")
    return out.decode()
