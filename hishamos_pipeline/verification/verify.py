"""Verification: assemble the tree, check it, run it, and report."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from hishamos_pipeline.core.artifacts.criteria import without_parameters
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    CheckOutcome,
    Stories,
    TestSuite,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.sandbox.interface import Limits, Sandbox
from hishamos_pipeline.settings import Settings, listed
from hishamos_pipeline.toolchains.interface import Prepared
from hishamos_pipeline.verification.deep_checks import planted_mistakes, planted_tests, readme_commands_run
from hishamos_pipeline.verification.outside import same_outside
from hishamos_pipeline.verification.prescribed import is_asked_for, prescribed
from hishamos_pipeline.verification.progress import tell, told
from hishamos_pipeline.verification.run_checks import Bare, RunResult, run_checks
from hishamos_pipeline.verification.running import Runner, TestRun
from hishamos_pipeline.verification.security import dangerous_calls
from hishamos_pipeline.verification.static_checks import Tree, first_checks, parsed_checks
from hishamos_pipeline.verification.stubs import Without, without_implementation
from hishamos_pipeline.verification.watching import watched_tests
from hishamos_pipeline.workspace.tree import limits_of, tree_hash, write_tree


@dataclass(frozen=True, slots=True)
class Assembled:
    """A tree with everything that it is judged by.

    ``texts`` are found by SHA-256; ``first_tests`` are the test files by path as they were before any repair;
    ``theirs`` are files that people have edited.
    """

    files: tuple[TreeFile, ...]
    texts: Mapping[str, str]
    architecture: Architecture
    stories: Stories
    suite: TestSuite
    first_tests: Mapping[str, str] = field(default_factory=dict)
    theirs: frozenset[str] = frozenset()

    def text(self, path: str) -> str:
        """The text of a file, empty if there is none of that path."""
        return next((self.texts[file.sha256] for file in self.files if file.path == path), "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A report, and what pytest said in detail."""

    build: VerifiedBuild
    tests: TestRun


async def verify(
    assembled: Assembled, folder: Path, sandbox: Sandbox, prepared: Prepared, settings: Settings
) -> Verdict:
    """Check a tree in a work folder of its own.

    Nothing is run where the code does not even parse. What takes long is done only when all else passes.

    Args:
        assembled: the tree.
        folder: an empty folder to work in.
        sandbox: runs what is untrusted.
        prepared: the programs for it, or why there are none.
        settings: limits and thresholds.

    Raises:
        PathError, TreeLimitError, StorageError: the tree cannot be written; nothing is half written.
        SandboxError: nothing can be run.
    """
    limits = limits_of(settings)
    write_tree(folder / "work", assembled.files, assembled.texts, limits)
    texts = {file.path: assembled.texts[file.sha256] for file in assembled.files}
    tree = Tree(
        texts,
        assembled.architecture,
        assembled.stories,
        assembled.suite,
        assembled.first_tests,
        assembled.theirs,
    )
    started = time.monotonic()
    checks = first_checks(tree)
    tell(checks, time.monotonic() - started)
    parses = any(check.name == "syntax" and check.passed for check in checks)
    declared = dependencies(tree, prepared, settings)
    tests = TestRun()
    if not (prepared.toolchain and parses):
        checks += (*(await asyncio.to_thread(parsed_checks, tree) if parses else ()), declared)
    else:
        runner = Runner(sandbox, prepared.toolchain, run_limits(settings))
        # What only reads the code is done while the first commands run.
        parsed, dangerous, result, held = await asyncio.gather(
            told(asyncio.to_thread(parsed_checks, tree)),
            told(_dangerous(tree)),
            _run(assembled, tree, folder, runner, settings),
            told(_prescribed(tree, folder / "work", runner)),
        )
        tests = result.tests
        checks += (*parsed, declared, dangerous, *held, *result.checks, _criteria_passed(assembled, tests))
        if tests.passed and all(check.passed for check in checks):
            checks += await _look_deeper(assembled, tree, folder, runner, settings, tests)
    passed = bool(tests.passed) and all(check.passed for check in checks)
    verified = _verified_stories(assembled, tests) if passed else ()
    build = VerifiedBuild(
        passed=passed,
        tree_hash=tree_hash(assembled.files),
        files=assembled.files,
        checks=checks,
        commands=tree.commands,
        sandbox=sandbox.name,
        isolated=sandbox.isolates,
        toolchain=prepared.toolchain.key if prepared.toolchain else "",
        tests=len(tests.passed),
        coverage=tests.coverage,
        requirements_verified=len(
            {
                name
                for story in assembled.stories.planned
                if story.id in verified
                for name in story.requirements
            }
        ),
        stories_verified=verified,
        deferred=tuple(story.id for story in assembled.stories.deferred),
        waiting=tuple(story.id for story in assembled.stories.waiting),
        passed_tests=tests.passed,
    )
    return Verdict(build, tests)


def run_limits(settings: Settings) -> Limits:
    """What a command may use, as the settings say."""
    return Limits(
        wall_seconds=settings.check_seconds,
        cpu_seconds=settings.check_cpu_seconds,
        memory_mb=settings.check_memory_mb,
        file_mb=settings.check_file_mb,
        disk_mb=settings.check_disk_mb,
        files=settings.check_files,
        processes=settings.check_processes,
        printed_mb=settings.check_printed_mb,
    )


def dependencies(tree: Tree, prepared: Prepared, settings: Settings) -> CheckOutcome:
    """Every declared dependency exists, is what it seems to be, and may be used."""
    denied = listed(settings.licences_denied)
    own = tree.architecture.licence
    offending = [
        *prepared.findings,
        *(
            f"{package.name} {package.version}: its licence is {package.licence} (HISHAMOS_LICENCES_DENIED)"
            for package in prepared.packages
            if package.licence != own and any(fnmatchcase(package.licence, pattern) for pattern in denied)
        ),
    ]
    return CheckOutcome(
        name="dependencies",
        passed=not offending,
        figure=len(prepared.packages),
        unit="packages",
        offending=tuple(offending),
    )


async def _dangerous(tree: Tree) -> CheckOutcome:
    """The code calls nothing dangerous."""
    offending = await dangerous_calls(tree.texts, tree.code)
    return CheckOutcome(
        name="no_dangerous_calls", passed=not offending, figure=len(tree.texts), unit="files",
        offending=tuple(offending),
    )  # fmt: skip


async def _prescribed(tree: Tree, folder: Path, runner: Runner) -> tuple[CheckOutcome, ...]:
    if not is_asked_for(tree.architecture.prescriptions):
        return ()
    return (await prescribed(tree.architecture, frozenset(tree.texts), folder, runner),)


async def _run(
    assembled: Assembled, tree: Tree, folder: Path, runner: Runner, settings: Settings
) -> RunResult:
    code = {path: tree.imported_as(path) for path in tree.code}

    def lacking(without: Without) -> Bare:
        files, found, gate = without_implementation(assembled.files, assembled.texts, code, without)
        write_tree(folder / f"no-{without}", files, found, limits_of(settings))
        return Bare(folder / f"no-{without}", gate)

    return await run_checks(
        commands=tree.commands,
        tree=folder / "work",
        lacking=lacking,
        runner=runner,
        min_coverage=settings.min_coverage,
        stories={story_test_path(story.id, story.title): story.id for story in assembled.stories.planned},
    )


async def _look_deeper(
    assembled: Assembled, tree: Tree, folder: Path, runner: Runner, settings: Settings, tests: TestRun
) -> tuple[CheckOutcome, ...]:
    for name in ("planted", "mutants"):
        write_tree(folder / name, assembled.files, assembled.texts, limits_of(settings))
    planted, mistakes, commands, seen = await asyncio.gather(
        told(planted_tests(folder / "planted", tree.texts, runner, tests)),
        told(planted_mistakes(
            folder / "mutants", tree.texts, tree.code, runner, tests,
            per_module=settings.mutants_per_module, least=settings.min_mutants_killed,
        )),
        told(readme_commands_run(folder / "work", tree.texts, runner, set(tree.commands))),
        told(_watch(assembled, tree, folder, runner, settings, tests)),
    )  # fmt: skip
    return (planted, mistakes, commands, *seen)


async def _watch(
    assembled: Assembled, tree: Tree, folder: Path, runner: Runner, settings: Settings, tests: TestRun
) -> tuple[CheckOutcome, ...]:
    """What the tests and the code do when they are watched, and when they are not."""
    path_of = {name: path for path in tree.code if (name := tree.imported_as(path))}
    criteria = {link.test for link in assembled.suite.tests}
    seen, calls = await watched_tests(folder / "work", tree.texts, path_of.keys(), criteria, runner, tests)

    def write(texts: Mapping[str, str]) -> Path:
        files = tuple(
            TreeFile(path=path, sha256=sha256_text(text), size=len(text.encode()))
            for path, text in texts.items()
        )
        write_tree(
            folder / "installed",
            files,
            {sha256_text(text): text for text in texts.values()},
            limits_of(settings),
        )
        return folder / "installed"

    return (*seen, await same_outside(calls, write, tree.texts, path_of, runner))


def _criteria_passed(assembled: Assembled, tests: TestRun) -> CheckOutcome:
    """Every criterion's test was collected under its name and passed."""
    passed = {without_parameters(name) for name in tests.passed}
    offending = tuple(
        f"{link.test}: did not pass, and shows {link.criterion}"
        for link in assembled.suite.tests
        if link.test not in passed
    )
    return CheckOutcome(
        name="criteria_shown",
        passed=not offending,
        figure=len(assembled.suite.tests) - len(offending),
        unit="criteria",
        offending=offending,
    )


def _verified_stories(assembled: Assembled, tests: TestRun) -> tuple[str, ...]:
    passed = {without_parameters(name) for name in tests.passed}
    shown = {link.criterion for link in assembled.suite.tests if link.test in passed}
    return tuple(
        story.id
        for story in assembled.stories.planned
        if all(criterion.id in shown for criterion in story.criteria)
    )
