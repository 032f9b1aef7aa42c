"""Who serves whom, from requirement to commit and back."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hishamos_pipeline.core.artifacts.criteria import criterion_tests
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Commit,
    Requirement,
    Requirements,
    Stories,
    Story,
    TestSuite,
    TreeFile,
)
from hishamos_pipeline.core.text.ids import EXAMPLES, story_test_path
from hishamos_pipeline.core.text.parsing import parse_python

Result = Literal["passed", "failed", "not run", ""]


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A criterion of a story with all that stands behind it and before it.

    ``cost_usd`` is the story's: of its tests, and of its share in the files that serve several. ``external_id`` is the
    one that the brief gives the requirement.
    """

    requirement: str
    story: str
    status: str
    criterion: str
    test: str
    result: Result
    files: tuple[str, ...]
    commit: str
    cost_usd: float
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class TracedProject:
    """What a trace is read off; what has not been made yet is empty."""

    requirements: Requirements
    stories: Stories
    architecture: Architecture | None = None
    suite: TestSuite | None = None
    files: Sequence[TreeFile] = ()
    texts: Mapping[str, str] | None = None
    passed: frozenset[str] | None = None
    commits: Sequence[Commit] = ()
    costs: Mapping[str, float] | None = None


def trace(project: TracedProject) -> list[TraceRow]:
    """One row for each criterion; a story without one, and a requirement without a story, has a row too."""
    rows: list[TraceRow] = []
    for requirement in project.requirements.requirements:
        serving = [s for s in project.stories.stories if requirement.id in s.requirements]
        if not serving:
            status = f"shown by {requirement.verified_by}" if requirement.verified_by else "no story"
            own = requirement.external_id
            rows.append(TraceRow(requirement.id, "", status, "", "", "", (), "", 0.0, own))
        for story in serving:
            rows += _story_rows(project, requirement, story)
    return rows


def matching(rows: Sequence[TraceRow], wanted: str) -> list[TraceRow]:
    """The rows that an id, a path or a test is in."""
    return [
        row
        for row in rows
        if wanted in (row.requirement, row.external_id, row.story, row.criterion, row.test, row.commit)
        or (len(wanted) >= 7 and row.commit.startswith(wanted))
        or wanted in row.files
        or row.test.split("::")[0] == wanted
    ]


def orphans(project: TracedProject) -> list[str]:
    """Files of code that serve no story, and tests that show no criterion, as ``name: why``."""
    found = []
    stories = {story.id for story in project.stories.planned}
    criteria = {item.id for story in project.stories.planned for item in story.criteria}
    whole = _about_everything(project.architecture)
    for file in project.files:
        serves = file.path in whole or set(file.stories) & stories
        in_package = project.architecture is not None and project.architecture.in_package(file.path)
        if in_package and not serves and _has_code(_text(project, file)):
            found.append(f"{file.path}: serves no story")
        if file.path.startswith("tests/test_") and file.path != EXAMPLES:
            found += [
                f"{file.path}::{name}: shows no criterion" for name in _unlinked(file, project, criteria)
            ]
    return found


def _story_rows(project: TracedProject, requirement: Requirement, story: Story) -> list[TraceRow]:
    tests = {link.criterion: link.test for link in project.suite.tests} if project.suite else {}
    own = story_test_path(story.id, story.title)
    files = tuple(file.path for file in project.files if story.id in file.stories and file.path != own)
    commit = next((item.sha for item in reversed(project.commits) if item.story == story.id), "")
    cost = _cost(project, story.id)

    def result(test: str) -> Result:
        if not test or project.passed is None:
            return "not run" if test else ""
        return "passed" if test in project.passed else "failed"

    shown = [result(tests.get(criterion.id, "")) for criterion in story.criteria]
    is_verified = story.status == "planned" and bool(shown) and set(shown) == {"passed"}
    status = "verified" if is_verified else story.status
    return [
        TraceRow(
            requirement.id, story.id, status, name, tests.get(name, ""), result(tests.get(name, "")), files, commit,
            cost, requirement.external_id,
        )
        for name in [criterion.id for criterion in story.criteria] or [""]
    ]  # fmt: skip


def _cost(project: TracedProject, story: str) -> float:
    costs = project.costs or {}
    shares = (
        costs.get(file.path, 0.0) / len(file.stories) for file in project.files if story in file.stories
    )
    return round(sum(shares), 6)


def _about_everything(plan: Architecture | None) -> set[str]:
    """Files that are planned for the project as a whole, such as its entry point."""
    files = plan.files if plan else ()
    return {file.path for file in files if file.requirements and not file.entities and not file.interface}


def _text(project: TracedProject, file: TreeFile) -> str:
    return (project.texts or {}).get(file.sha256, "")


def _has_code(text: str) -> bool:
    """Whether a module defines something that others could use."""
    try:
        body = parse_python(text).body
    except SyntaxError:
        return False
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(isinstance(node, kinds) and not node.name.startswith("_") for node in body)


def _unlinked(file: TreeFile, project: TracedProject, criteria: set[str]) -> list[str]:
    text = _text(project, file)
    try:
        linked = {
            link.test.split("::")[1]
            for link in criterion_tests(file.path, text)
            if link.criterion in criteria
        }
        nodes = parse_python(text).body
    except SyntaxError:
        return []
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [
        n.name for n in nodes if isinstance(n, kinds) and n.name.startswith("test") and n.name not in linked
    ]
