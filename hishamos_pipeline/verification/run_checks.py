"""What has to be run to be known: the commands of the CI files, and the tests against code that is not there."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.core.text.ids import EXAMPLES
from hishamos_pipeline.sandbox.interface import Outcome
from hishamos_pipeline.verification.progress import tell, told_command
from hishamos_pipeline.verification.running import Runner, TestRun, read_report, tail
from hishamos_pipeline.verification.stubs import VARIANTS, Without


@dataclass(frozen=True, slots=True)
class Bare:
    """A tree that lacks something, and the plugin of pytest in its folder of tests that closes its gate."""

    tree: Path
    gate: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcomes of all commands, and what the tests showed."""

    checks: tuple[CheckOutcome, ...]
    tests: TestRun


async def run_checks(
    *,
    commands: Sequence[str],
    tree: Path,
    lacking: Callable[[Without], Bare],
    runner: Runner,
    min_coverage: float,
    stories: Mapping[str, str],
) -> RunResult:
    """Run the commands of the CI files on the tree, and its tests on a tree without implementation.

    Args:
        commands: as the CI files have them; the one that runs pytest gives the test report.
        tree: the tree to check.
        lacking: makes the same tree without something; see ``verification.stubs``.
        runner: runs them.
        min_coverage: least line coverage, in percent.
        stories: the story of each test file.
    """
    started = time.monotonic()
    stubs = await asyncio.to_thread(lacking, "behaviour")
    async with asyncio.TaskGroup() as group:  # one that fails takes the others with it
        tasks = [group.create_task(told_command(command, runner.run(command, tree))) for command in commands]
        empty = group.create_task(_without(stubs, runner))
    tests, checks = TestRun(), []
    lint: list[tuple[str, Outcome]] = []
    for command, task in zip(commands, tasks, strict=True):
        if "pytest" in command:
            tests = read_report(task.result())
            checks += _test_checks(task.result(), tests, min_coverage)
        else:
            lint.append((command, task.result()))
    if not any(check.name == "tests_pass" for check in checks):
        checks.append(CheckOutcome(name="tests_pass", passed=False, figure=0, unit="tests",
                                   offending=("no command of the CI files runs pytest",)))  # fmt: skip
    checks.append(_lint_check(lint))
    outcome, without = empty.result()
    hollow = await _pass_blank(without.passed, lacking, runner)
    lost = [name for name in tests.passed if name not in without.collected_names]
    where = (await _without(stubs, runner, "--tb=short", "--collect-only"))[0].output if lost else ""
    checks.append(_stub_check(outcome, without, hollow, lost, where, stories))
    checks.append(_untouched([*(task.result() for task in tasks), outcome]))
    tell(checks, time.monotonic() - started)
    return RunResult(tuple(checks), tests)


async def _pass_blank(
    suspects: Collection[str], lacking: Callable[[Without], Bare], runner: Runner
) -> tuple[str, ...]:
    """Those of some tests that fail neither without constants, nor records, nor data: they show nothing.

    Where modules cannot even be imported without something, nothing is told by it.
    """
    # An example of the brief is what the author says, whatever it needs.
    left = [name for name in suspects if not name.startswith(EXAMPLES)]
    for without in VARIANTS:
        if left:
            _, tests = await _without(await asyncio.to_thread(lacking, without), runner)
            failed = set(tests.failed)
            left = [name for name in left if name not in failed]
    return tuple(left)


async def _without(bare: Bare, runner: Runner, *options: str) -> tuple[Outcome, TestRun]:
    """Run the tests on a tree that lacks something."""
    # The tests' folder is where the plugin is; what else pytest takes from there is the project's own setting.
    return await runner.tests(
        bare.tree, "--tb=no", "-p", bare.gate, *options, variables={"PYTHONPATH": "tests"}
    )


def _test_checks(outcome: Outcome, tests: TestRun, min_coverage: float) -> list[CheckOutcome]:
    offending = list(tests.failed)
    if outcome.exit_code is None:
        offending.append(f"the run was stopped: {outcome.ending}")
    elif not outcome.succeeded and not offending:
        offending.append(f"pytest ended with {outcome.ending}")
    if tests.collected == 0:
        offending.append("no test was collected")
    return [
        CheckOutcome(
            name="tests_pass",
            passed=outcome.succeeded and tests.collected > 0 and not offending,
            figure=len(tests.passed),
            unit="tests",
            offending=tuple(offending),
            output="" if outcome.succeeded else tail(outcome.output),
        ),
        CheckOutcome(
            name="coverage",
            passed=tests.coverage >= min_coverage,
            figure=tests.coverage,
            unit="percent",
            offending=()
            if tests.coverage >= min_coverage
            else (
                f"{tests.coverage} %, the least is {min_coverage:g} % (HISHAMOS_MIN_COVERAGE)",
                *(f"{path}: never run: {_lines(missed)}" for path, missed in tests.missed.items()),
            ),
        ),
    ]


def _lines(numbers: Collection[int]) -> str:
    """Line numbers as people write them: ``3, 5-7``."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}-{last}" if first < last else str(first) for first, last in spans)


def _lint_check(runs: Sequence[tuple[str, Outcome]]) -> CheckOutcome:
    bad = [(command, outcome) for command, outcome in runs if not outcome.succeeded]
    return CheckOutcome(
        name="lint",
        passed=not bad,
        figure=len(runs) - len(bad),
        unit="commands",
        offending=tuple(f"{command}: {outcome.ending}" for command, outcome in bad),
        output=tail("\n".join(outcome.output for _, outcome in bad)),
    )


def _stub_check(
    outcome: Outcome,
    tests: TestRun,
    hollow: Sequence[str],
    lost: Sequence[str],
    where: str,
    stories: Mapping[str, str],
) -> CheckOutcome:
    """A test that passes although nothing is implemented shows nothing; each story's tests are looked at.

    Args:
        outcome: of pytest on the tree with empty bodies.
        tests: what it reported.
        hollow: tests that passed there, and where constants and data are blank, too.
        lost: tests of the real tree that were not collected there.
        where: what pytest says of why not.
        stories: the story of each test file.
    """
    offending = [
        f"{name}: passes without the implementation ({stories.get(name.split('::')[0], 'no story')})"
        for name in hollow
    ]
    if outcome.exit_code is None:
        offending.append(f"the run was stopped: {outcome.ending}")
    offending += [f"{name}: was not collected without the implementation" for name in lost]
    if outcome.succeeded and not tests.passed and not offending:
        offending.append("pytest succeeded without the implementation")
    return CheckOutcome(
        name="tests_need_code",
        passed=not offending,
        figure=len(tests.collected_names - set(hollow)),
        unit="tests",
        offending=tuple(offending),
        output=tail(where),
    )


def _untouched(outcomes: Sequence[Outcome]) -> CheckOutcome:
    """Code that rewrites itself, its tests or their settings while it is judged is not what was judged."""
    changed = sorted({path for outcome in outcomes for path in outcome.changed})
    return CheckOutcome(
        name="tree_untouched",
        passed=not changed,
        figure=len(outcomes),
        unit="commands",
        offending=tuple(f"{path}: was changed by a command that only checks" for path in changed),
    )
