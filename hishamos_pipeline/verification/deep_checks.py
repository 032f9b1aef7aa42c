"""What is worth its time only when all else passes: planted tests, planted mistakes, and the README's commands."""

import asyncio
import inspect
import json
import secrets
import tomllib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hishamos_pipeline.core.artifacts.criteria import without_parameters
from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.sandbox.interface import Command, Outcome
from hishamos_pipeline.verification import mutation_driver, readme
from hishamos_pipeline.verification.imports import declared_requirements, distributions
from hishamos_pipeline.verification.inverting import inverted
from hishamos_pipeline.verification.mutants import Mutant, mutants
from hishamos_pipeline.verification.running import Runner, TestRun, tail

_DRIVER = ".hishamos-driver.py"
# Below so many mistakes in each, more shares cost more than they gain: each runs the tests without any first.
_LEAST_SHARE = 3


async def planted_tests(tree: Path, texts: Mapping[str, str], runner: Runner, real: TestRun) -> CheckOutcome:
    """The report can be believed: tests that assert the opposite are reported as failed.

    The suite runs for the second time with them; a test that passed before and fails now is not reliable either.

    Args:
        tree: a copy of the tree of its own, into which the planted tests are written.
        texts: the files of the tree by path.
        runner: runs it.
        real: what the first run reported.
    """
    planted: dict[str, str] = {}
    for path, text in texts.items():
        if path.startswith("tests/test_") and path.endswith(".py"):
            opposite, names = inverted(text)
            name = f"{path.removesuffix('.py')}_{secrets.token_hex(4)}.py"
            if names:
                (tree / name).write_text(opposite)
                planted |= {f"{name}::{test}": f"{path}::{test}" for test in names}
    outcome, tests = await runner.tests(tree, "--tb=no")
    failed = {without_parameters(node) for node in tests.failed}
    offending = [
        f"{real_test}: asserting the opposite, it was not reported as failed"
        for node, real_test in sorted(planted.items())
        if node not in failed
    ]
    if planted and outcome.exit_code != 1:
        offending.append(f"pytest ended with {outcome.ending} although tests failed")
    again = set(tests.passed)
    offending += [
        f"{node}: passed once, and not the second time" for node in real.passed if node not in again
    ]
    return CheckOutcome(name="report_is_honest", passed=not offending, figure=len(planted), unit="tests",
                        offending=tuple(offending))  # fmt: skip


async def planted_mistakes(
    tree: Path,
    texts: Mapping[str, str],
    code: Collection[str],
    runner: Runner,
    real: TestRun,
    *,
    per_module: int,
    least: float,
) -> CheckOutcome:
    """The tests notice small mistakes in the code that they run.

    Args:
        tree: a copy of the tree of its own, into which the driver is written.
        texts: the files of the tree by path.
        code: paths of the implementation.
        runner: runs it.
        real: what the first run reported, with the lines that were run.
        per_module: most mistakes in one module.
        least: least share of mistakes that have to be noticed, in percent.
    """
    modules = {path: texts[path] for path in sorted(code)}
    chosen = mutants(modules, real.covered, per_module)
    noticed, trouble = await _try_mutants(tree, chosen, runner)
    survived: list[str] = []
    share = 100.0
    if trouble:
        share = 0.0
    elif chosen:
        survived = [str(mutant) for mutant in chosen if not noticed[mutant]]
        share = round(100 * (len(chosen) - len(survived)) / len(chosen), 1)
    offending = [trouble] if trouble else []
    if not real.covered.keys() & modules.keys():
        offending.append("the report of coverage names no module")
    elif share < least and not offending:
        offending = [
            f"{share:g} % noticed, the least is {least:g} % (HISHAMOS_MIN_MUTANTS_KILLED)",
            *survived,
        ]
    return CheckOutcome(
        name="mistakes_noticed", passed=not offending, figure=share, unit="percent",
        offending=tuple(offending), output="" if not survived else "not noticed:\n" + "\n".join(survived),
    )  # fmt: skip


async def _try_mutants(
    tree: Path, chosen: Sequence[Mutant], runner: Runner
) -> tuple[Mapping[Mutant, bool], str]:
    """Whether each mutant was noticed, or why that cannot be told; shares of them are tried at the same time."""
    (tree / _DRIVER).write_text(inspect.getsource(mutation_driver))
    shares = max(1, min(runner.at_once, len(chosen) // _LEAST_SHARE))
    parts = [chosen[number::shares] for number in range(shares)]
    commands = []
    for number, part in enumerate(parts):
        name = f".hishamos-mutants-{number}.json"
        (tree / name).write_text(json.dumps([[mutant.path, mutant.text] for mutant in part]))
        argv = ("python", _DRIVER, name)
        commands.append(Command(argv, runner.variables, (mutation_driver.VERDICTS,), writes=True))
    outcomes = await asyncio.gather(*(runner.start(command, tree) for command in commands))
    noticed: dict[Mutant, bool] = {}
    for part, outcome in zip(parts, outcomes, strict=True):
        verdicts = _verdicts(outcome)
        if len(verdicts) != len(part) or not outcome.succeeded or outcome.changed:
            tried = f"{len(verdicts)} of {len(part)} mistakes could be tried"
            return {}, f"{tried}: {outcome.ending}: {tail(outcome.output)[-300:]}"
        noticed |= dict(zip(part, verdicts, strict=True))
    return noticed, ""


def _verdicts(outcome: Outcome) -> list[bool]:
    try:
        return [bool(item) for item in json.loads(outcome.files.get(mutation_driver.VERDICTS, b"[]"))]
    except (ValueError, TypeError):
        return []


async def readme_commands_run(
    tree: Path, texts: Mapping[str, str], runner: Runner, already: set[str]
) -> CheckOutcome:
    """The commands of the README do what a reader expects: end without an error.

    Args:
        tree: the tree.
        texts: its files by path.
        runner: runs them.
        already: commands that were run already.
    """
    programs: Mapping[str, str] = {}
    modules: Sequence[str] = ()
    with suppress(tomllib.TOMLDecodeError):  # which another check is about
        programs = readme.console_scripts(texts.get("pyproject.toml", ""))
        modules = readme.installed(texts.get("pyproject.toml", ""))
    shown = readme.readme_commands(texts.get("README.md", ""), programs.keys())
    commands = tuple(command for command in shown if command not in already)
    serves = bool(distributions(declared_requirements(texts.get("pyproject.toml", ""))) & readme.SERVERS)
    script, mark = readme.as_script(commands, programs, modules, servers=serves)
    outcome = await runner.run(("sh", "-c", script), tree)
    failed = readme.failed_commands(outcome.output, mark, commands)
    offending = [f"README.md: `{command}` fails" for command in failed]
    if not outcome.succeeded and not offending:
        offending.append(f"README.md: its commands ended with {outcome.ending}")
    return CheckOutcome(
        name="readme_commands", passed=not offending, figure=len(commands), unit="commands",
        offending=tuple(offending), output=tail(outcome.output.replace(mark, "failed:")) if offending else "",
    )  # fmt: skip
