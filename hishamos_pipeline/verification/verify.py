"""Verification: assemble the tree, check it, run it, and report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hishamos_pipeline.core.documents import (
    Architecture,
    CheckOutcome,
    Stories,
    TestSuite,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.sandbox.interface import Limits, Sandbox
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.verification.run_checks import TestRun, run_checks
from hishamos_pipeline.verification.static_checks import Tree, static_checks
from hishamos_pipeline.verification.stubs import without_implementation
from hishamos_pipeline.workspace.tree import TreeLimits, limits_of, tree_hash, write_tree


@dataclass(frozen=True, slots=True)
class Assembled:
    """A tree with everything that it is judged by; ``texts`` are found by SHA-256."""

    files: tuple[TreeFile, ...]
    texts: Mapping[str, str]
    architecture: Architecture
    stories: Stories
    suite: TestSuite


async def verify(assembled: Assembled, folder: Path, sandbox: Sandbox, settings: Settings) -> VerifiedBuild:
    """Check a tree in a work folder of its own.

    Static checks come first; nothing is run where the code does not even parse.

    Raises:
        PathError, TreeLimitError, StorageError: the tree cannot be written; nothing is half written.
    """
    limits = limits_of(settings)
    write_tree(folder / "work", assembled.files, assembled.texts, limits)
    texts = {file.path: assembled.texts[file.sha256] for file in assembled.files}
    tree = Tree(texts, assembled.architecture, assembled.stories, assembled.suite)
    checks = static_checks(tree)
    tests = TestRun((), (), 0.0)
    if any(check.name == "syntax" and check.passed for check in checks):
        result = await _run(assembled, tree.package, folder, sandbox, settings, limits)
        checks += result[0]
        tests = result[1]
        checks += (_criteria_passed(assembled, tests),)
    passed = bool(tests.passed) and all(check.passed for check in checks)
    verified = _verified_stories(assembled, tests) if passed else ()
    return VerifiedBuild(
        passed=passed,
        tree_hash=tree_hash(assembled.files),
        files=assembled.files,
        checks=checks,
        commands=tuple(" ".join(command) for command in assembled.architecture.commands),
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
    )


async def _run(
    assembled: Assembled,
    package: str,
    folder: Path,
    sandbox: Sandbox,
    settings: Settings,
    limits: TreeLimits,
) -> tuple[tuple[CheckOutcome, ...], TestRun]:
    stubs, texts = without_implementation(assembled.files, assembled.texts, package)
    write_tree(folder / "stubs", stubs, texts, limits)
    result = await run_checks(
        commands=assembled.architecture.commands,
        tree=folder / "work",
        stubs=folder / "stubs",
        sandbox=sandbox,
        limits=Limits(
            wall_seconds=settings.check_seconds,
            cpu_seconds=settings.check_cpu_seconds,
            memory_mb=settings.check_memory_mb,
            file_mb=settings.check_file_mb,
        ),
        min_coverage=settings.min_coverage,
    )
    return result.checks, result.tests


def _criteria_passed(assembled: Assembled, tests: TestRun) -> CheckOutcome:
    """Every criterion's test was collected under its name and passed."""
    passed = {_plain(name) for name in tests.passed}
    offending = tuple(
        f"{link.criterion}: {link.test} did not pass"
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
    passed = {_plain(name) for name in tests.passed}
    shown = {link.criterion for link in assembled.suite.tests if link.test in passed}
    return tuple(
        story.id
        for story in assembled.stories.planned
        if all(criterion.id in shown for criterion in story.criteria)
    )


def _plain(node: str) -> str:
    """A node id without the parameters of a parametrized test."""
    return node.split("[", 1)[0]
