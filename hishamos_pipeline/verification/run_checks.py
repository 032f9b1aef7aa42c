"""What has to be run to be known: the CI commands, and the tests against an empty implementation."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from hishamos_pipeline.core.documents import CheckOutcome
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox

# Reports are written beside the tree's files, into a folder that is never part of the tree.
REPORTS = ".hishamos-reports"
_OUTPUT_LINES = 60


@dataclass(frozen=True, slots=True)
class TestRun:
    """What pytest reported: node ids of what passed and of what did not, and line coverage in percent."""

    __test__ = False

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    coverage: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcomes of all commands, and what the tests showed."""

    checks: tuple[CheckOutcome, ...]
    tests: TestRun


async def run_checks(
    *,
    commands: Sequence[Sequence[str]],
    tree: Path,
    stubs: Path,
    sandbox: Sandbox,
    limits: Limits,
    min_coverage: float,
) -> RunResult:
    """Run the commands of the CI files on the tree, and its tests on a tree without implementation.

    Args:
        commands: the CI commands; the one that runs pytest gives the test report.
        tree: the tree to check; commands may write into it.
        stubs: the same tree with empty bodies.
        sandbox: what runs them.
        limits: for each command.
        min_coverage: least line coverage, in percent.
    """
    runs = [_run(sandbox, command, tree, limits, coverage="pytest" in command) for command in commands]
    empty = _run(sandbox, ("python", "-m", "pytest", "--tb=no", "-q"), stubs, limits, coverage=False)
    async with asyncio.TaskGroup() as group:  # one that fails takes the others with it
        tasks = [group.create_task(run) for run in (*runs, empty)]
    *outcomes, stub_outcome = [task.result() for task in tasks]
    checks, tests = [], TestRun((), (), 0.0)
    lint: list[tuple[Sequence[str], Outcome]] = []
    for command, outcome in zip(commands, outcomes, strict=True):
        if "pytest" in command:
            tests = read_report(tree)
            checks += _test_checks(outcome, tests, min_coverage)
        else:
            lint.append((command, outcome))
    checks.append(_lint_check(lint))
    checks.append(_stub_check(stub_outcome, read_report(stubs), tests))
    return RunResult(tuple(checks), tests)


async def _run(
    sandbox: Sandbox, argv: Sequence[str], tree: Path, limits: Limits, *, coverage: bool
) -> Outcome:
    reports = tree / REPORTS
    reports.mkdir(exist_ok=True)
    options = f"-p pytest_cov -p no:cacheprovider --junitxml={REPORTS}/junit.xml -o junit_family=xunit1"
    if coverage:
        options += f" --cov-report=json:{REPORTS}/coverage.json"
    variables = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what this machine has installed must not matter
        "PYTEST_ADDOPTS": options,
        "COVERAGE_FILE": f"{REPORTS}/.coverage",
        "RUFF_CACHE_DIR": str(reports / "ruff"),
    }
    return await sandbox.run(Command(argv, variables), tree, limits)


def read_report(tree: Path) -> TestRun:
    """Read pytest's and coverage's reports; what is missing counts as nothing having passed."""
    passed: list[str] = []
    failed: list[str] = []
    junit = tree / REPORTS / "junit.xml"
    try:
        cases = ElementTree.parse(junit).iter("testcase")  # noqa: S314 - written by our own pytest
        for case in cases:
            node = f"{case.get('file', '')}::{case.get('name', '')}"
            bad = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
            (failed if bad else passed).append(node)
    except (OSError, ElementTree.ParseError):
        pass
    try:
        report = json.loads((tree / REPORTS / "coverage.json").read_text())
        coverage = round(float(report["totals"]["percent_covered"]), 1)
    except (OSError, ValueError, KeyError, TypeError):
        coverage = 0.0
    return TestRun(tuple(passed), tuple(failed), coverage)


def _test_checks(outcome: Outcome, tests: TestRun, min_coverage: float) -> list[CheckOutcome]:
    collected = len(tests.passed) + len(tests.failed)
    offending = list(tests.failed)
    if outcome.limit:
        offending.append(f"the run was stopped: {outcome.limit}")
    elif not outcome.succeeded and not offending:
        offending.append(f"pytest ended with exit code {outcome.exit_code}")
    if collected == 0:
        offending.append("no test was collected")
    return [
        CheckOutcome(
            name="tests_pass",
            passed=outcome.succeeded and collected > 0 and not offending,
            figure=len(tests.passed),
            unit="tests",
            offending=tuple(offending),
            output="" if outcome.succeeded else _tail(outcome.output),
        ),
        CheckOutcome(
            name="coverage",
            passed=tests.coverage >= min_coverage,
            figure=tests.coverage,
            unit="percent",
            offending=()
            if tests.coverage >= min_coverage
            else (f"{tests.coverage} %, the least is {min_coverage:g} % (HISHAMOS_MIN_COVERAGE)",),
        ),
    ]


def _lint_check(runs: Sequence[tuple[Sequence[str], Outcome]]) -> CheckOutcome:
    bad = [(command, outcome) for command, outcome in runs if not outcome.succeeded]
    return CheckOutcome(
        name="lint",
        passed=not bad,
        figure=len(runs) - len(bad),
        unit="commands",
        offending=tuple(
            f"{' '.join(command)}: {outcome.limit or f'exit code {outcome.exit_code}'}"
            for command, outcome in bad
        ),
        output=_tail("\n".join(outcome.output for _, outcome in bad)),
    )


def _stub_check(outcome: Outcome, tests: TestRun, real: TestRun) -> CheckOutcome:
    """A test that passes although nothing is implemented shows nothing."""
    offending = [f"{name}: passes without the implementation" for name in tests.passed]
    if outcome.limit:
        offending.append(f"the run was stopped: {outcome.limit}")
    known = {*tests.passed, *tests.failed}
    offending += [
        f"{name}: was not collected without the implementation" for name in real.passed if name not in known
    ]
    if outcome.succeeded and not offending:
        offending.append("pytest succeeded without the implementation")
    return CheckOutcome(
        name="tests_need_code",
        passed=not offending,
        figure=len(tests.failed),
        unit="tests",
        offending=tuple(offending),
    )


def _tail(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-_OUTPUT_LINES:])
