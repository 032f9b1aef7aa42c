"""The commands that the README shows: they are run, in order, as a reader would run them."""

import secrets
import shlex
import tomllib
from collections.abc import Collection, Mapping, Sequence

from markdown_it import MarkdownIt

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.verification.imports import table

_SHELLS = frozenset({"sh", "bash", "shell", "console"})
# What a reader does once, what the sandbox has no network for, and what is no command as it stands.
_LEFT_OUT = re.compile(
    r"^(python3? -m )?(pip|pipx|uv|venv)\b|^\S*/(pip|uv)\b|^(git clone|cd|source|export|curl|wget|docker|podman)\b"
    r"|^\. |^pre-commit install|<[\w -]+>|^\.\.\."
)
_PROGRAMS = ("python", "python3", "pytest", "ruff", "make", "uvicorn")
# What a project depends on whose program is a server.
SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn"})
_SERVERS = re.compile(r"^(python3? -m )?(uvicorn|gunicorn|fastapi)\b")
_HELP = re.compile(r" (--help|-h|--version)\b")
_SERVER_SECONDS = 3
_TIMED_OUT = 124


def readme_commands(text: str, programs: Collection[str] = ()) -> tuple[str, ...]:
    """The shell commands of a README's code blocks, without those that install something.

    A block without a language may hold anything: there, a command begins with a program that is known.

    Args:
        text: the README.
        programs: the project's own, besides the usual ones.
    """
    found = []
    for token in MarkdownIt().parse(text):
        language = token.info.strip().split(" ")[0]
        if token.type not in ("fence", "code_block") or language not in {"", *_SHELLS}:
            continue
        lines = token.content.replace("\\\n", " ").splitlines()
        prompts = any(line.startswith("$ ") for line in lines)
        for line in lines:
            command = (line.removeprefix("$ ") if line.startswith("$ ") or not prompts else "").strip()
            known = language or command.split(" ")[0] in (*_PROGRAMS, *programs)
            if command and known and not command.startswith("#") and not _LEFT_OUT.search(command):
                found.append(command)
    return tuple(found)


def without_blocks(text: str, failing: Collection[str]) -> str:
    """A document without the code blocks that hold one of some commands."""
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for token in MarkdownIt().parse(text):
        if token.type in ("fence", "code_block") and token.map:
            shown = {
                line.removeprefix("$ ").strip() for line in token.content.replace("\\\n", " ").splitlines()
            }
            if shown & set(failing):
                gone |= set(range(*token.map))
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def console_scripts(pyproject: str) -> Mapping[str, str]:
    """The programs that installing the project would give, as ``name: module:function``.

    Raises:
        tomllib.TOMLDecodeError: the file cannot be read.
    """
    scripts = table(table(tomllib.loads(pyproject), "project"), "scripts")
    return {name: str(target) for name, target in scripts.items()}


def installed(pyproject: str) -> tuple[str, ...]:
    """The folders and modules that installing the project would bring, by their paths in the tree.

    Raises:
        tomllib.TOMLDecodeError: the file cannot be read.
    """
    wheel: object = tomllib.loads(pyproject)
    for name in ("tool", "hatch", "build", "targets", "wheel"):
        wheel = table(wheel, name)
    assert isinstance(wheel, dict)
    listed = [*_listed(wheel.get("packages")), *_listed(wheel.get("only-include"))]
    return tuple(str(item) for item in listed)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def as_script(
    commands: tuple[str, ...],
    programs: Mapping[str, str],
    modules: Sequence[str] = (),
    *,
    servers: bool = False,
) -> tuple[str, str]:
    """A shell script that runs every command and ends with 0 if all did; and the mark of its lines about failures.

    Args:
        commands: lines of shell.
        programs: see ``console_scripts``; they are put on the ``PATH`` as an installation would.
        modules: see ``installed``; they alone can be imported from anywhere.
        servers: whether the programs may serve until they are stopped, unless they are asked for help.
    """
    mark = f"failed-{secrets.token_hex(8)}"
    lines = [
        'mkdir -p "$TMPDIR/bin" "$TMPDIR/site"; PATH="$TMPDIR/bin:$PATH"; export PYTHONPATH="$TMPDIR/site"; status=0',
        *(f'ln -s "$PWD/"{shlex.quote(path)} "$TMPDIR/site/"' for path in modules),
    ]
    for name, target in programs.items():
        module, _, function = target.partition(":")
        program = (
            f"import sys; from {module} import {function} as run; sys.argv[0] = {name!r}; sys.exit(run())"
        )
        # As installed, a module beside the package, at the root of the tree, does not come before it.
        text = f'#!/bin/sh\nexec python -P -c {shlex.quote(program)} "$@"\n'
        place = f'"$TMPDIR/bin/"{shlex.quote(name)}'
        lines.append(f"printf '%s' {shlex.quote(text)} > {place}; chmod +x {place}")
    started = {re.escape(target.partition(":")[0].partition(".")[0]) for target in programs.values()}
    names = "|".join([*map(re.escape, programs), *(rf"python3? -m {module}" for module in sorted(started))])
    starts = re.compile(rf"(\w+=\S* )*({names})( |$)")
    for number, command in enumerate(commands):
        own = servers and starts.match(command) and not _HELP.search(command)
        if own or _SERVERS.match(command):
            stopped = f"[ $code = 0 ] || [ $code = {_TIMED_OUT} ]"
            run = f"timeout {_SERVER_SECONDS} sh -c {shlex.quote(command)}; code=$?; {stopped}"
        else:
            run = f"sh -c {shlex.quote(command)}"
        lines.append(f"{run} || {{ echo; echo {mark} {number}; status=1; }}")
    return "\n".join([*lines, "exit $status"]), mark


def failed_commands(output: str, mark: str, commands: tuple[str, ...]) -> list[str]:
    """Which commands failed, from the output of the script."""
    numbers = re.findall(rf"^{mark} (\d+)$", output, re.MULTILINE)
    return [commands[int(number)] for number in numbers if int(number) < len(commands)]
