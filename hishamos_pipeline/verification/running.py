"""Running things on a tree, and reading what pytest reports of it."""

import asyncio
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox, Toolchain

PYTEST = ("python", "-m", "pytest")
_JUNIT, _COVERAGE = ".hishamos-junit.xml", ".hishamos-coverage.json"
_OUTPUT_LINES = 60
_OPTIONS = f"-p pytest_cov -p no:cacheprovider --junitxml={_JUNIT} -o junit_family=xunit1"
PYTEST_VARIABLES = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what the toolchain has installed must not matter
    "COVERAGE_FILE": ".hishamos-coverage",
    "RUFF_NO_CACHE": "true",
}
# An entity could grow without bound inside the parser, and no report of pytest declares one.
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")


@dataclass(frozen=True, slots=True)
class TestRun:
    """What pytest reported: node ids of what passed and of what did not, with messages, and coverage in percent.

    ``covered`` holds the lines of each file that were run.
    """

    __test__ = False

    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    coverage: float = 0.0
    covered: dict[str, frozenset[int]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    @property
    def collected(self) -> int:
        """How many tests there were."""
        return len(self.passed) + len(self.failed)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs commands on trees, as many at once as there are processors.

    Args:
        sandbox: what runs them.
        toolchain: the programs that they find.
        limits: of each.
    """

    sandbox: Sandbox
    toolchain: Toolchain
    limits: Limits
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(os.cpu_count() or 1))

    async def run(self, command: str | Sequence[str], tree: Path) -> Outcome:
        """Run a command, or a line of shell, in a copy of a tree; the reports of pytest are collected."""
        if isinstance(command, str):
            words = shlex.split(command)
            plain = shlex.join(words) == command
            command = words if plain else ("sh", "-c", command)
        coverage = f" --cov-report=json:{_COVERAGE}" if "--cov" in " ".join(command) else ""
        variables = {**PYTEST_VARIABLES, "PYTEST_ADDOPTS": _OPTIONS + coverage}
        return await self.start(Command(tuple(command), variables, (_JUNIT, _COVERAGE)), tree)

    async def start(self, command: Command, tree: Path) -> Outcome:
        """Run a command in a copy of a tree when its turn comes."""
        async with self._turns:
            return await self.sandbox.run(command, tree, self.limits, self.toolchain)

    async def tests(self, tree: Path, *arguments: str) -> tuple[Outcome, TestRun]:
        """Run the tests of a tree without its coverage."""
        outcome = await self.run((*PYTEST, "--tb=short", "-q", *arguments), tree)
        return outcome, read_report(outcome)


def read_report(outcome: Outcome) -> TestRun:
    """Read pytest's and coverage's reports; what is missing or cannot be read counts as nothing having passed."""
    passed: list[str] = []
    failed: list[str] = []
    messages: dict[str, str] = {}
    junit = outcome.files.get(_JUNIT, b"")
    try:
        if not any(mark in junit for mark in _FORBIDDEN):
            for case in ElementTree.fromstring(junit).iter("testcase"):  # noqa: S314 - without entities
                node = f"{case.get('file', '')}::{case.get('name', '')}"
                bad = [
                    part for kind in ("failure", "error", "skipped") if (part := case.find(kind)) is not None
                ]
                (failed if bad else passed).append(node)
                if bad:
                    messages[node] = "\n".join(
                        (part.get("message") or "") + "\n" + (part.text or "") for part in bad
                    )
    except ElementTree.ParseError:
        passed, failed = [], []
    try:
        report = json.loads(outcome.files.get(_COVERAGE, b""))
        coverage = round(float(report["totals"]["percent_covered"]), 1)
        covered = {
            path: frozenset(map(int, each["executed_lines"])) for path, each in report["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        coverage, covered = 0.0, {}
    return TestRun(tuple(passed), tuple(failed), coverage, covered, messages)


def tail(output: str) -> str:
    """The last lines of an output."""
    return "\n".join(output.strip().splitlines()[-_OUTPUT_LINES:])
