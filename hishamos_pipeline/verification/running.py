"""Running things on a tree, and reading what pytest reports of it."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox, Toolchain

PYTEST = ("python", "-m", "pytest")
_JUNIT, _COVERAGE = ".hishamos-junit.xml", ".hishamos-coverage.json"
_OUTPUT_LINES = 60
_OPTIONS = f"-p no:cacheprovider --junitxml={_JUNIT} -o junit_family=xunit1"
_VARIABLES = {
    "COVERAGE_FILE": ".hishamos-coverage",
    "RUFF_NO_CACHE": "true",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
# An entity could grow without bound inside the parser, and no report of pytest declares one.
_FORBIDDEN = ("<!DOCTYPE", "<!ENTITY")
_BAD = ("failure", "error", "skipped")


@dataclass(frozen=True, slots=True)
class TestRun:
    """What pytest reported: node ids of what passed and of what did not, with messages, and coverage in percent.

    ``covered`` holds the lines of each file that were run, ``missed`` those that were not, most of them first.
    """

    __test__ = False

    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    coverage: float = 0.0
    covered: dict[str, frozenset[int]] = field(default_factory=dict)
    missed: dict[str, frozenset[int]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    @property
    def collected_names(self) -> frozenset[str]:
        """The node ids of all tests that there were."""
        return frozenset((*self.passed, *self.failed))

    @property
    def collected(self) -> int:
        """How many tests there were."""
        return len(self.passed) + len(self.failed)


def _processors() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs commands on trees, as many at once as there are processors that this process may use.

    Args:
        sandbox: what runs them.
        toolchain: the programs that they find.
        limits: of each.
        at_once: how many.
    """

    sandbox: Sandbox
    toolchain: Toolchain
    limits: Limits
    at_once: int = field(default_factory=_processors)
    _turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_turns", asyncio.Semaphore(self.at_once))

    @property
    def variables(self) -> dict[str, str]:
        """What pytest and ruff are told: of pytest's extensions, only those of the toolchain are loaded."""
        return {**_VARIABLES, "PYTEST_PLUGINS": ",".join(("pytest_cov.plugin", *self.toolchain.plugins))}

    async def run(
        self, command: str | Sequence[str], tree: Path, variables: Mapping[str, str] = MappingProxyType({})
    ) -> Outcome:
        """Run a command, or a line of shell, in a copy of a tree; the reports of pytest are collected."""
        if isinstance(command, str):
            command = _argv(command)
        coverage = f" --cov-report=json:{_COVERAGE}" if "--cov" in " ".join(command) else ""
        given = {**self.variables, "PYTEST_ADDOPTS": _OPTIONS + coverage, **variables}
        return await self.start(Command(tuple(command), given, (_JUNIT, _COVERAGE)), tree)

    async def start(self, command: Command, tree: Path, patience: int = 1) -> Outcome:
        """Run a command in a copy of a tree when its turn comes.

        Args:
            command: what to run.
            tree: the tree.
            patience: how many times the usual time it may take, since it runs the tests so often.
        """
        given = self.limits
        limits = replace(
            given, wall_seconds=given.wall_seconds * patience, cpu_seconds=given.cpu_seconds * patience
        )
        async with self._turns:
            return await self.sandbox.run(command, tree, limits, self.toolchain)

    async def tests(
        self, tree: Path, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[Outcome, TestRun]:
        """Run the tests of a tree without its coverage."""
        outcome = await self.run((*PYTEST, "--tb=short", "-q", *arguments), tree, variables)
        return outcome, read_report(outcome)


def _argv(line: str) -> Sequence[str]:
    """A line of shell, without a shell where it needs none."""
    try:
        words = shlex.split(line)
    except ValueError:  # an open quote: the shell will say so
        words = []
    return words if words and shlex.join(words) == line else ("sh", "-c", line)


def read_report(outcome: Outcome) -> TestRun:
    """Read pytest's and coverage's reports; what is missing or cannot be read counts as nothing having passed."""
    passed, failed, messages = _junit(outcome.files.get(_JUNIT, b""))
    coverage, covered, missed = _coverage(outcome.files.get(_COVERAGE, b""))
    return TestRun(passed, failed, coverage, covered, missed, messages)


def _junit(report: bytes) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """Tests that passed, tests that did not, and what was said of those."""
    passed: list[str] = []
    failed: list[str] = []
    messages: dict[str, str] = {}
    try:
        text = report.decode("utf-8")  # what pytest writes; in another encoding the marks could hide
        if any(mark in text for mark in _FORBIDDEN):
            return (), (), {}
        for case in ElementTree.fromstring(text.encode()).iter("testcase"):  # noqa: S314 - without entities
            node = f"{case.get('file', '')}::{case.get('name', '')}"
            bad = [part for kind in _BAD if (part := case.find(kind)) is not None]
            (failed if bad else passed).append(node)
            if bad:
                messages[node] = "\n".join(
                    (part.get("message") or "") + "\n" + (part.text or "") for part in bad
                )
    except Exception:  # whatever untrusted code has put there, it is no report
        return (), (), {}
    return tuple(passed), tuple(failed), messages


_Lines = dict[str, frozenset[int]]


def _coverage(report: bytes) -> tuple[float, _Lines, _Lines]:
    """Line coverage in percent, and the lines of each file that were run, and that were not."""
    try:
        found = json.loads(report)
        percent = float(found["totals"]["percent_covered"])
        covered, missed = (
            {str(path): frozenset(map(int, each[key])) for path, each in found["files"].items()}
            for key in ("executed_lines", "missing_lines")
        )
    except Exception:  # as above
        return 0.0, {}, {}
    most = sorted((item for item in missed.items() if item[1]), key=lambda item: (-len(item[1]), item[0]))
    return (round(percent, 1), covered, dict(most)) if 0 <= percent <= 100 else (0.0, {}, {})


def tail(output: str) -> str:
    """The last lines of an output."""
    return "\n".join(output.strip().splitlines()[-_OUTPUT_LINES:])
