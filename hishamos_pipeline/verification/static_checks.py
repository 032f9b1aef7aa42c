"""What can be told of a generated tree without running it."""

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from hishamos_pipeline.core.artifacts.criteria import asserting_functions
from hishamos_pipeline.core.artifacts.documents import Architecture, CheckOutcome, Stories, TestSuite
from hishamos_pipeline.core.artifacts.traceability import criteria_without_test, tests_without_criterion
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.conformance import conformance
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.core.text.signatures import public_signatures
from hishamos_pipeline.verification.ci_files import ci_commands, commands_run
from hishamos_pipeline.verification.imports import undeclared_imports
from hishamos_pipeline.verification.rendered_files import harmful_commands, switched_off, unlike_rendered
from hishamos_pipeline.verification.security import secrets
from hishamos_pipeline.verification.tampering import tampering
from hishamos_pipeline.verification.weakening import weakened

_MARKERS = re.compile(r"\b(TODO|FIXME|XXX)\b")


@dataclass(frozen=True)
class Tree:
    """A generated tree in memory with the documents that it was made from."""

    texts: Mapping[str, str]
    architecture: Architecture
    stories: Stories
    suite: TestSuite
    first_tests: Mapping[str, str] = field(default_factory=dict)
    theirs: frozenset[str] = frozenset()

    @property
    def python(self) -> Iterator[tuple[str, str]]:
        """Paths and texts of the Python files."""
        return ((path, text) for path, text in sorted(self.texts.items()) if path.endswith(".py"))

    @cached_property
    def code(self) -> frozenset[str]:
        """Paths of the implementation: of what is planned, and of what the package has besides."""
        plan = self.architecture
        there = {
            path
            for path in self.texts
            if path.endswith(".py") and (path in plan.code or plan.in_package(path))
        }
        return frozenset(there)

    def imported_as(self, path: str) -> str:
        """The name of a module of the package; empty for what is only started."""
        is_module = self.architecture.in_package(path) and not path.endswith("/__main__.py")
        return self.architecture.module_of(path) if is_module else ""

    @cached_property
    def commands(self) -> tuple[str, ...]:
        """What the CI files run, each command once, in order."""
        return commands_run(self.texts)


def first_checks(tree: Tree) -> tuple[CheckOutcome, ...]:
    """Those that any text can be put to; whether the code parses is among them, as ``syntax``."""
    return tuple(_outcome(tree, name, unit, find) for name, unit, find in _FIRST)


def parsed_checks(tree: Tree) -> tuple[CheckOutcome, ...]:
    """Those that need code that parses; they may be made in a thread."""
    return tuple(_outcome(tree, name, unit, find) for name, unit, find in _PARSED)


def _outcome(tree: Tree, name: str, unit: str, find: Callable[[Tree], tuple[int, list[str]]]) -> CheckOutcome:
    figure, offending = find(tree)
    return CheckOutcome(name=name, passed=not offending, figure=figure, unit=unit, offending=tuple(offending))


def _planned_files(tree: Tree) -> tuple[int, list[str]]:
    planned = {file.path for file in tree.architecture.files}
    planned |= {story_test_path(story.id, story.title) for story in tree.stories.planned}
    missing = [f"{path}: planned, but missing" for path in sorted(planned - tree.texts.keys())]
    extra = [f"{path}: there, but not planned" for path in sorted(tree.texts.keys() - planned)]
    return len(planned), missing + extra


def _syntax(tree: Tree) -> tuple[int, list[str]]:
    offending, count = [], 0
    for path, text in tree.python:
        count += 1
        try:
            parse_python(text)
            compile(text, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            offending.append(f"{path}: {str(error) or type(error).__name__}")
    return count, offending


def _placeholders(tree: Tree) -> tuple[int, list[str]]:
    """Bodies that do nothing, in code or in tests, and marks of unfinished work."""
    offending, count = [], 0
    for path, text in tree.python:
        for node in ast.walk(parse_python(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count += 1
                if _is_placeholder(node):
                    offending.append(f"{path}:{node.lineno}: {node.name} has no body")
        offending += [
            f"{path}:{number}: {match[1]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if (match := _MARKERS.search(line)) and "#" in line[: match.start()]
        ]
    return count, offending


def _is_placeholder(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = list(node.body)
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if not body:
        return True
    if len(body) > 1:
        return False
    only = body[0]
    if isinstance(only, ast.Raise) and only.exc is not None:
        raised = only.exc.func if isinstance(only.exc, ast.Call) else only.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return isinstance(only, ast.Pass) or (isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant))


def _signatures(tree: Tree) -> tuple[int, list[str]]:
    offending: list[str] = []
    count = 0
    for file in tree.architecture.files:
        if file.kind != "source" or not file.path.endswith(".py") or file.path not in tree.texts:
            continue
        count += len(file.signatures)
        if file.interface:
            is_package = file.path.endswith("__init__.py")
            found = conformance(file.interface, tree.texts[file.path], passes_on=is_package)
            offending += [f"{file.path}: {item}" for item in found]
            continue
        if not tree.architecture.in_package(file.path):
            continue  # a script: nobody imports it
        have = set(public_signatures(tree.texts[file.path]))
        offending += [f"{file.path}: lacks {item}" for item in file.signatures if item not in have]
        offending += [f"{file.path}: unplanned {item}" for item in sorted(have - set(file.signatures))]
    return count, offending


def _scripts(tree: Tree) -> tuple[int, list[str]]:
    """A script, which coverage does not measure, is started by a test or an example."""
    plan = tree.architecture
    scripts = [path for path in sorted(tree.code) if not plan.in_package(path)]
    tests = "\n".join(text for path, text in tree.texts.items() if path.startswith("tests/"))
    return len(scripts), [
        f"{path}: no test starts it" for path in scripts if path.rpartition("/")[2] not in tests
    ]


def _declared_dependencies(tree: Tree) -> tuple[int, list[str]]:
    return undeclared_imports(tree.texts, tree.architecture.package, tree.code)


def _no_tampering(tree: Tree) -> tuple[int, list[str]]:
    off = [item for path, text in tree.python for item in switched_off(path, text)]
    return len(tree.texts), [*tampering(tree.texts, tree.code), *off]


def _rendered_files(tree: Tree) -> tuple[int, list[str]]:
    return unlike_rendered(tree.texts, tree.architecture, tree.stories, tree.theirs)


def _harmless_commands(tree: Tree) -> tuple[int, list[str]]:
    return harmful_commands(tree.texts)


def _no_secrets(tree: Tree) -> tuple[int, list[str]]:
    return len(tree.texts), secrets(tree.texts, tree.code)


def _tests_not_weakened(tree: Tree) -> tuple[int, list[str]]:
    """A repaired test says at least what it said when it was written from its criteria."""
    return len(tree.first_tests), weakened(tree.first_tests, tree.texts)


def _criteria(tree: Tree) -> tuple[int, list[str]]:
    lacking = criteria_without_test(tree.stories, tree.suite)
    orphans = tests_without_criterion(tree.stories, tree.suite)
    return len(tree.suite.tests), [
        *(f"{name}: no test shows it" for name in lacking),
        *(f"{name}: shows no criterion of a planned story" for name in orphans),
    ]


def _assertions(tree: Tree) -> tuple[int, list[str]]:
    """The test of every criterion asserts something that is not constant, or expects an error."""
    helpers = []
    for path, text in tree.texts.items():
        if _helps_tests(path):
            with suppress(SyntaxError):  # which another check is about
                helpers.append(parse_python(text))
    asserting: dict[str, frozenset[str]] = {}
    for path in {link.test.split("::")[0] for link in tree.suite.tests} & tree.texts.keys():
        asserting[path] = asserting_functions(parse_python(tree.texts[path]), *helpers)
    offending = [
        f"{link.test}: asserts nothing"
        for link in tree.suite.tests
        if link.test.split("::")[1] not in asserting.get(link.test.split("::")[0], ())
    ]
    return len(tree.suite.tests), offending


def _helps_tests(path: str) -> bool:
    """Whether a file is one that tests take helpers and fixtures from."""
    folder, _, name = path.rpartition("/")
    return folder.startswith("tests") and name.endswith(".py") and not name.startswith("test_")


def _ci_commands(tree: Tree) -> tuple[int, list[str]]:
    """Both CI files run exactly the commands that the architecture plans, in that order."""
    wanted = [" ".join(command) for command in tree.architecture.commands]
    found, offending = ci_commands(tree.texts)
    offending += [
        f"{path}: runs {lines}, planned is {wanted}" for path, lines in found.items() if lines != wanted
    ]
    return len(wanted), offending


_FIRST = (("planned_files", "files", _planned_files), ("syntax", "files", _syntax))
_PARSED = (
    ("placeholders", "functions", _placeholders),
    ("signatures", "signatures", _signatures),
    ("scripts_started", "scripts", _scripts),
    ("declared_dependencies", "imports", _declared_dependencies),
    ("no_tampering", "files", _no_tampering),
    ("rendered_files", "files", _rendered_files),
    ("harmless_commands", "documents", _harmless_commands),
    ("no_secrets", "files", _no_secrets),
    ("tests_not_weakened", "files", _tests_not_weakened),
    ("criteria_tested", "tests", _criteria),
    ("tests_assert", "tests", _assertions),
    ("ci_commands", "commands", _ci_commands),
)
