"""The commands that the README shows: they are run, in order, as a reader would run them."""

import re
import secrets
import shlex
import tomllib
from collections.abc import Mapping

from markdown_it import MarkdownIt

_SHELLS = frozenset({"", "sh", "bash", "shell", "console", "text"})
# What a reader does once, and the sandbox has no network for: the toolchain shows that it can be done.
_INSTALLS = re.compile(
    r"^(python3? -m )?(pip|pipx|uv|venv)\b|^(git clone|cd|source|export|\. )\b|^pre-commit install"
)
_SERVERS = re.compile(r"^(python3? -m )?(uvicorn|gunicorn|fastapi)\b")
_SERVER_SECONDS = 3
_TIMED_OUT = 124


def readme_commands(text: str) -> tuple[str, ...]:
    """The shell commands of a README's code blocks, without those that install something."""
    found = []
    for token in MarkdownIt().parse(text):
        if token.type in ("fence", "code_block") and token.info.strip().split(" ")[0] in _SHELLS:
            lines = token.content.replace("\\\n", " ").splitlines()
            prompts = any(line.startswith("$ ") for line in lines)
            for line in lines:
                command = (line.removeprefix("$ ") if line.startswith("$ ") or not prompts else "").strip()
                if command and not command.startswith("#") and not _INSTALLS.match(command):
                    found.append(command)
    return tuple(found)


def console_scripts(pyproject: str) -> Mapping[str, str]:
    """The programs that installing the project would give, as ``name: module:function``.

    Raises:
        tomllib.TOMLDecodeError: the file cannot be read.
    """
    scripts: Mapping[str, str] = tomllib.loads(pyproject).get("project", {}).get("scripts", {})
    return scripts


def as_script(commands: tuple[str, ...], programs: Mapping[str, str]) -> tuple[str, str]:
    """A shell script that runs every command and ends with 0 if all did; and the mark of its lines about failures.

    Args:
        commands: lines of shell.
        programs: see ``console_scripts``; they are put on the ``PATH`` as an installation would.
    """
    mark = f"failed-{secrets.token_hex(8)}"
    lines = ['mkdir -p "$TMPDIR/bin"; PATH="$TMPDIR/bin:$PATH"; export PYTHONPATH="$PWD/src"; status=0']
    for name, target in programs.items():
        module, _, function = target.partition(":")
        program = (
            f"import sys; from {module} import {function} as run; sys.argv[0] = {name!r}; sys.exit(run())"
        )
        text = f'#!/bin/sh\nexec python -c {shlex.quote(program)} "$@"\n'
        place = f'"$TMPDIR/bin/"{shlex.quote(name)}'
        lines.append(f"printf '%s' {shlex.quote(text)} > {place}; chmod +x {place}")
    for number, command in enumerate(commands):
        if _SERVERS.match(command):
            run = f"timeout {_SERVER_SECONDS} sh -c {shlex.quote(command)}; code=$?; [ $code = {_TIMED_OUT} ]"
        else:
            run = f"sh -c {shlex.quote(command)}"
        lines.append(f"{run} || {{ echo; echo {mark} {number}; status=1; }}")
    return "\n".join([*lines, "exit $status"]), mark


def failed_commands(output: str, mark: str, commands: tuple[str, ...]) -> list[str]:
    """Which commands failed, from the output of the script."""
    numbers = re.findall(rf"^{mark} (\d+)$", output, re.MULTILINE)
    return [commands[int(number)] for number in numbers if int(number) < len(commands)]
