"""What is worth its time only when all else passes: planted tests, planted mistakes, and the README's commands."""

import inspect
import json
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path

from hishamos_pipeline.core.documents import CheckOutcome
from hishamos_pipeline.sandbox.interface import Command
from hishamos_pipeline.verification import mutation_driver, readme
from hishamos_pipeline.verification.mutants import mutants
from hishamos_pipeline.verification.running import PYTEST_VARIABLES, Runner, TestRun, tail

_PLANTED = """def test_one() -> None:
    assert len("ab") == 2


def test_two() -> None:
    assert len("ab") == 3
"""
_DRIVER = ".hishamos-driver.py"


async def planted_tests(tree: Path, runner: Runner, real: TestRun) -> CheckOutcome:
    """The report can be believed: a planted test that fails is reported as failed, one that passes as passed.

    The suite runs for the second time with them; a test that passed before and fails now is not reliable either.

    Args:
        tree: a copy of the tree of its own, into which the planted tests are written.
        runner: runs it.
        real: what the first run reported.
    """
    name = f"tests/test_{secrets.token_hex(6)}.py"
    (tree / name).write_text(_PLANTED)
    outcome, tests = await runner.tests(tree, "--tb=no")
    offending = []
    if f"{name}::test_one" not in tests.passed:
        offending.append("a planted test that passes was not reported as passed")
    if f"{name}::test_two" not in tests.failed:
        offending.append("a planted test that fails was not reported as failed")
    if outcome.exit_code != 1:
        offending.append(f"pytest ended with {outcome.ending} although a test failed")
    if not offending:
        offending = [
            f"{node}: passed once, and not the second time" for node in real.passed if node in tests.failed
        ]
    return CheckOutcome(name="report_is_honest", passed=not offending, figure=tests.collected, unit="tests",
                        offending=tuple(offending))  # fmt: skip


async def planted_mistakes(
    tree: Path,
    texts: Mapping[str, str],
    package: str,
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
        package: folder of the implementation.
        runner: runs it.
        real: what the first run reported, with the lines that were run.
        per_module: most mistakes in one module.
        least: least share of mistakes that have to be noticed, in percent.
    """
    code = {path: text for path, text in texts.items() if path.startswith(package) and path.endswith(".py")}
    chosen = mutants(code, real.covered, per_module)
    (tree / _DRIVER).write_text(inspect.getsource(mutation_driver))
    (tree / mutation_driver.MUTANTS).write_text(json.dumps([[m.path, m.text] for m in chosen]))
    command = Command(("python", _DRIVER), PYTEST_VARIABLES, (mutation_driver.VERDICTS,))
    outcome = await runner.start(command, tree)
    try:
        verdicts = [bool(item) for item in json.loads(outcome.files.get(mutation_driver.VERDICTS, b"[]"))]
    except (ValueError, TypeError):
        verdicts = []
    survived = [str(mutant) for mutant, killed in zip(chosen, verdicts, strict=False) if not killed]
    share = round(100 * sum(verdicts) / len(verdicts), 1) if verdicts else 0.0
    offending = []
    if chosen and not verdicts:
        offending = [f"no mistake could be tried: {outcome.ending}: {tail(outcome.output)[-300:]}"]
    elif share < least and chosen:
        offending = [
            f"{share:g} % noticed, the least is {least:g} % (HISHAMOS_MIN_MUTANTS_KILLED)",
            *survived,
        ]
    return CheckOutcome(
        name="mistakes_noticed", passed=not offending, figure=share if chosen else 100.0, unit="percent",
        offending=tuple(offending), output="" if not survived else "not noticed:\n" + "\n".join(survived),
    )  # fmt: skip


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
    commands = tuple(c for c in readme.readme_commands(texts.get("README.md", "")) if c not in already)
    try:
        programs = readme.console_scripts(texts.get("pyproject.toml", ""))
    except (tomllib.TOMLDecodeError, AttributeError):
        programs = {}
    script, mark = readme.as_script(commands, programs)
    outcome = await runner.run(("sh", "-c", script), tree)
    failed = readme.failed_commands(outcome.output, mark, commands)
    offending = [f"README.md: `{command}` fails" for command in failed]
    if not outcome.succeeded and not offending:
        offending.append(f"README.md: its commands ended with {outcome.ending}")
    return CheckOutcome(
        name="readme_commands", passed=not offending, figure=len(commands), unit="commands",
        offending=tuple(offending), output=tail(outcome.output.replace(mark, "failed:")) if offending else "",
    )  # fmt: skip
