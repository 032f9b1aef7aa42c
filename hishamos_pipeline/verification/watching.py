"""What a witness of the tests has seen: results that no test notices, assertions never reached, replaced code."""

import ast
import inspect
import json
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hishamos_pipeline.core.artifacts.criteria import without_parameters
from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.sandbox.interface import Command, Outcome
from hishamos_pipeline.verification import witness, witness_calls, witness_results
from hishamos_pipeline.verification.imports import table
from hishamos_pipeline.verification.running import Runner, TestRun, tail

# Some criteria are about types and names alone; the tests of few may be.
_MOST_VAGUE = 0.05
_MOST_PATCHING = 0.5
_RUNS = 6
_ELSEWHERE = re.compile(r"\b(?:platform|version_info|os\.name|TYPE_CHECKING)\b")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of each test, by node id.

    ``outcomes`` are those of the watched run. ``noticed`` says of the runs with wrong results what was noticed: another
    result, that there is none, or nothing; ``calls`` says what was wrong. ``lines`` are those that were run,
    ``replaced`` what was replaced under which test, ``made`` calls of the package that can be made again,
    ``patching`` tests that replace parts of Python.
    """

    outcomes: Mapping[str, str] = field(default_factory=dict)
    noticed: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    made: tuple[Mapping[str, Any], ...] = ()
    patching: tuple[str, ...] = ()
    error: str = ""


async def watched_tests(
    tree: Path,
    texts: Mapping[str, str],
    modules: Collection[str],
    criteria: Collection[str],
    runner: Runner,
    real: TestRun,
) -> tuple[tuple[CheckOutcome, ...], tuple[Mapping[str, Any], ...]]:
    """Each criterion's test notices when what it calls gives another result, reaches its assertions, and replaces
    nothing of the package; and the calls that it has made.

    Args:
        tree: the tree.
        texts: its files by path.
        modules: the modules of the package.
        criteria: node ids of the tests that show criteria, without parameters.
        runner: runs them.
        real: what the first run reported.
    """
    outcome = await _run(tree, texts, modules, runner)
    seen = _seen(outcome)
    unnoticed = list(_unnoticed(seen, criteria, real))
    unreached = list(_unreached(seen, texts, criteria))
    replaced = [item for item in seen.replaced if _plain(without_parameters(item.split(": ")[0])) in criteria]
    if len(seen.patching) > _MOST_PATCHING * len(seen.outcomes):
        replaced.append(f"{seen.patching[0]}: more than half of the tests replace parts of Python")
    trouble = [f"the tests could not be watched: {seen.error}"] if seen.error else []
    checks = (
        CheckOutcome(
            name="results_noticed", passed=not (trouble or unnoticed or unreached), figure=len(criteria),
            unit="criteria", offending=(*trouble, *unnoticed, *unreached),
        ),
        CheckOutcome(
            name="nothing_replaced", passed=not replaced, figure=len(seen.outcomes), unit="tests",
            offending=tuple(replaced),
        ),
    )  # fmt: skip
    return checks, seen.made


async def _run(tree: Path, texts: Mapping[str, str], modules: Collection[str], runner: Runner) -> Outcome:
    script = f"{_source()}\n\nmain({_paths(texts)!r}, {sorted(modules)!r})\n"
    command = Command(("python", "-c", script), runner.variables, (witness.RESULT,))
    return await runner.start(command, tree, _RUNS)


def _source() -> str:
    """The witness as one text, without the imports of its parts."""
    lines = "\n".join(map(inspect.getsource, (witness_calls, witness_results, witness))).splitlines()
    return "\n".join(line for line in lines if not line.startswith("from hishamos_pipeline."))


def _paths(texts: Mapping[str, str]) -> list[str]:
    """The folders that pytest imports from."""
    try:
        options: object = tomllib.loads(texts.get("pyproject.toml", ""))
    except tomllib.TOMLDecodeError:
        return []
    for name in ("tool", "pytest", "ini_options"):
        options = table(options, name)
    listed = options.get("pythonpath") if isinstance(options, dict) else None
    return [str(item) for item in listed] if isinstance(listed, list) else []


def _seen(outcome: Outcome) -> _Seen:
    """What the witness has written; untrusted code may have written it as well."""
    try:
        found = json.loads(outcome.files[witness.RESULT])
        calls = {
            _plain(name): str((test["last"] or {}).get("name", "")) for name, test in found["tests"].items()
        }
        return _Seen(
            {_plain(name): str(end) for name, end in found["outcomes"].items()},
            {_plain(name): str(end) for name, end in found["noticed"].items()},
            calls,
            {_plain(name): frozenset(map(int, test["lines"])) for name, test in found["tests"].items()},
            tuple(sorted(map(str, found["replaced"]))),
            tuple(found["calls"]),
            tuple(_plain(name) for name, test in found["tests"].items() if test["patches"]),
            str(found.get("error", "")),
        )
    except Exception:  # whatever untrusted code has put there, it is no report
        return _Seen(error=f"{outcome.ending}: {tail(outcome.output)[-300:]}")


def _plain(node: object) -> str:
    """A node id as reports of pytest in JUnit's form have it: without the class."""
    path, *parts = str(node).split("::")
    return f"{path}::{parts[-1]}" if parts else path


def _unnoticed(seen: _Seen, criteria: Collection[str], real: TestRun) -> Iterator[str]:
    """Tests that pass whatever they call gives back, and tests that pass only where nobody watches."""
    if seen.error:
        return
    for node in real.passed:
        if seen.outcomes.get(node) != "passed":
            yield f"{node}: passed once, and not when it was watched"
    vague = []
    for name, nodes in _by_function(seen.noticed).items():
        best = {seen.noticed[node] for node in nodes}
        if name not in criteria or "other" in best:
            continue
        what = f"{name}: passes although {seen.calls[nodes[0]]}"
        if "none" in best:
            vague.append(f"{what} gives another result of the same type")
        else:
            yield f"{what} gives another result"
    if len(vague) > _MOST_VAGUE * len(criteria):
        yield from vague


def _unreached(seen: _Seen, texts: Mapping[str, str], criteria: Collection[str]) -> Iterator[str]:
    """Assertions that were not reached in any of a test's runs."""
    for name, nodes in _by_function(seen.lines).items():
        path, _, function = name.partition("::")
        if name in criteria and path in texts:
            run = frozenset().union(*(seen.lines[node] for node in nodes))
            for node in _assertions(texts[path], function):
                if not run & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
                    yield f"{name}: the assertion in line {node.lineno} is never reached"
                elif _is_vacuous(node, texts[path], function):
                    what = f"`all(…)` in line {node.lineno} holds of nothing, too: assert that there is something"
                    yield f"{name}: {what}"


def _by_function(nodes: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for node in nodes:
        found.setdefault(without_parameters(node), []).append(node)
    return found


def _assertions(text: str, function: str) -> list[ast.Assert]:
    return [node for node in _everywhere(_function(text, function)) if isinstance(node, ast.Assert)]


def _everywhere(node: ast.AST) -> Iterator[ast.AST]:
    """All parts of code, but for what is run on some platforms or versions alone."""
    yield node
    for part in ast.iter_child_nodes(node):
        if not (isinstance(part, ast.If) and _ELSEWHERE.search(ast.unparse(part.test))):
            yield from _everywhere(part)


def _function(text: str, name: str) -> ast.AST:
    for node in parse_python(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node
    return ast.Module([], [])


def _is_vacuous(node: ast.Assert, text: str, function: str) -> bool:
    """Whether an assertion holds for everything in something that may be empty, and no other one looks at that."""
    test = node.test
    if not (
        isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "all" and test.args
    ):
        return False
    over = (
        test.args[0].generators[0].iter
        if isinstance(test.args[0], ast.GeneratorExp | ast.ListComp)
        else test.args[0]
    )
    if not isinstance(over, ast.Name):
        return False  # as many as are written down, or as something else gives
    looked_at = ast.unparse(over)
    others = [item for item in _assertions(text, function) if item is not node and item.lineno != node.lineno]
    return not any(looked_at in ast.unparse(item.test) for item in others)
