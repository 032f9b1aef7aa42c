"""The ``hishamos`` command with a home of its own: in this process as a rule, or as a process of its own."""

import contextvars
import importlib
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click.formatting
from click.testing import CliRunner

from hishamos_pipeline.cli.main import main
from hishamos_pipeline.core.text import secrets
from hishamos_pipeline.settings import get_settings

Done = subprocess.CompletedProcess[str]
Started = subprocess.Popen[str]
# Columns that click fills where there is no terminal; its runner has two more.
_WIDTH = 78
# Assets are declared once in a process, with the engine that these name.
_ENGINES = ("HISHAMOS_LLM", "HISHAMOS_LLM_FAST", "HISHAMOS_LLM_ROLES")


def hishamos(home: Path, *arguments: str, stdin: str = "", **variables: str) -> Done:
    """Run a command in this process as ``main`` runs it in one of its own, and leave nothing of it behind.

    What a process finds out once and for all is not asked again: a command that is to find other programs on its
    ``PATH``, or to build with a model, needs ``hishamos_process``.

    Args:
        home: the working folder; state is kept in its folder ``state``.
        arguments: the command.
        stdin: what it reads.
        variables: its environment, besides that of the test.

    Returns:
        The exit code and what was printed, as ``hishamos_process`` gives them.
    """
    assert "PATH" not in variables, "use hishamos_process"
    if variables.keys() & set(_ENGINES):
        importlib.import_module("hishamos_pipeline.definitions")  # with the blueprint engine, for all others
    runner = CliRunner()
    with (
        _environment({"HISHAMOS_HOME": str(home / "state"), **variables}),
        _folder(home),
        _arguments(*arguments),
        runner.isolation(input=stdin) as (out, err, _),
        _fresh_logging(),
        _fresh_secrets(),
    ):
        click.formatting.FORCED_WIDTH = _WIDTH
        code = contextvars.copy_context().run(_main)
        sys.stdout.flush()
        sys.stderr.flush()
        printed, said = out.getvalue().decode(), err.getvalue().decode()
    return Done(["hishamos", *arguments], code, printed, said)


def hishamos_process(home: Path, *arguments: str, stdin: str = "", **variables: str) -> Done:
    """Run a command in a process of its own."""
    environment = {**os.environ, "HISHAMOS_HOME": str(home / "state"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "hishamos_pipeline.cli.main", *arguments],
        cwd=home, env=environment, input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip


def start_hishamos(home: Path, *arguments: str, output: int = subprocess.PIPE, **variables: str) -> Started:
    """Start a command in a process of its own, at the head of its group; SIGINT interrupts it.

    A shell that starts the tests in the background makes them, and what they start, ignore SIGINT.

    Args:
        home: the working folder.
        arguments: the command.
        output: what becomes of what it prints, as ``subprocess.Popen`` takes it.
        variables: its environment, besides that of the test.
    """
    program = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from hishamos_pipeline.cli.main import main\nmain()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=home, stdout=output, stderr=output, text=True,
        env={**os.environ, "HISHAMOS_HOME": str(home / "state"), **variables}, start_new_session=True,
    )  # fmt: skip


def _main() -> int:
    """The exit code that a process would have; a stack trace is printed as Python prints one at the end."""
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    get_settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _arguments(*arguments: str) -> Iterator[None]:
    before = sys.argv
    sys.argv = ["hishamos", *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _fresh_logging() -> Iterator[None]:
    """No handler but those that the command adds, as in a new process; warnings of others go to standard error."""
    names = ("", "hishamos", "hishamos.llm", "hishamos.operations", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    for logger, _, level, _ in before:
        logger.handlers = []
        logger.setLevel(level if logger is logging.root else logging.NOTSET)
    logging.root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, handlers, level, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)


@contextmanager
def _fresh_secrets() -> Iterator[None]:
    """No secret is known that the command does not read itself: what it masks, it masks of its own accord."""
    before = set(secrets._known)
    secrets._known.clear()
    try:
        yield
    finally:
        secrets._known.clear()
        secrets._known.update(before)
