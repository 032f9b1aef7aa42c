"""One round of repair: the files that it is to change, the question for each, and the record of what came of it."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import Correction, RepairRequest, SourceText
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.brief import excerpt
from hishamos_pipeline.core.artifacts.documents import FileChange, RepairRound, Requirements
from hishamos_pipeline.core.text.ids import EXAMPLES, story_test_path
from hishamos_pipeline.generation.assembling import Parts
from hishamos_pipeline.generation.context import BuildContext
from hishamos_pipeline.generation.units import Ask
from hishamos_pipeline.verification.failures import Failure, Side, failures
from hishamos_pipeline.verification.verify import Verdict

TASKS: Mapping[Side, Task[RepairRequest, Any]] = {
    "code": tasks.REPAIR_CODE,
    "test": tasks.REPAIR_TEST,
    "document": tasks.REPAIR_DOCUMENT,
}
_RELATED = 6
_MESSAGES, _SHOWN_TRIES = 5, 2
_DIFF_LINES = 200
# Checks that are done only when all others pass: a tree that fails one of them is nearly there.
_DEEP = frozenset(
    {
        "report_is_honest",
        "mistakes_noticed",
        "readme_commands",
        "results_noticed",
        "nothing_replaced",
        "same_outside_tests",
    }
)


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What one round is to change: files of one side, each with what failed about it."""

    side: Side
    files: Mapping[str, tuple[Failure, ...]]
    reason: str = ""


def round_of(
    plan: RoundPlan,
    answers: Mapping[str, Correction],
    found: Sequence[Failure],
    before: Parts,
    after: Parts,
    judged: Verdict,
    number: int,
    kept: bool,
    spent: tuple[int, float],
    spent_now: tuple[int, float],
) -> RepairRound:
    """The record of one round; calls and US dollars are those that were spent between its begin and its end."""
    said = [
        f"{a.outcome.replace('_', ' ')}: {a.reason}" if a.outcome != "corrected" else a.reason
        for a in answers.values()
    ]
    return RepairRound(
        number=number,
        side=plan.side,
        role=TASKS[plan.side].role,
        failed=names(found),
        reason=" ".join([plan.reason, *said]).strip(),
        changes=changes(before, after),
        left=names(failures(judged.build.checks, judged.tests, code_of(after))),
        kept=kept,
        calls=spent_now[0] - spent[0],
        cost_usd=round(spent_now[1] - spent[1], 6),
    )


def badness(verdict: Verdict) -> tuple[int, int]:
    """How far a tree is from passing: how little of it could be judged, and how much of that failed."""
    failed = [check for check in verdict.build.checks if not check.passed]
    ran = any(check.name == "tests_pass" for check in verdict.build.checks)
    shallow = [check for check in failed if check.name not in _DEEP]
    stage = 2 if not ran else 1 if shallow else 0
    return stage, sum(max(len(check.offending), 1) for check in failed)


def code_of(parts: Parts) -> dict[str, list[str]]:
    """For each story's test file, the code files that are about the story."""
    found = {}
    for story in parts.stories.planned:
        served = [
            file.path
            for file in parts.files
            if story.id in file.stories and file.path in parts.architecture.code
        ]
        found[story_test_path(story.id, story.title)] = served
    found[EXAMPLES] = _started(parts)
    return found


def _started(parts: Parts) -> list[str]:
    """The code files that examples start: scripts that they name, and the module of the program."""
    plan = parts.architecture
    words = {word for item in plan.prescriptions.examples for step in item.steps for word in step.command}
    entry = plan.entry.partition(":")[0]
    return [path for path in sorted(plan.code) if path in words or plan.module_of(path) in {entry, *words}]


def name_of(item: Failure) -> str:
    """A failure's name, the same from round to round."""
    return f"{item.check}: {item.name}"


def names(found: Sequence[Failure]) -> tuple[str, ...]:
    """What failed, by name."""
    return tuple(map(name_of, found))


def changes(before: Parts, after: Parts) -> tuple[FileChange, ...]:
    """What a round changed, with diffs."""
    listed = []
    for old, new in zip(before.files, after.files, strict=True):
        if old.sha256 != new.sha256:
            lines = difflib.unified_diff(
                before.texts[old.sha256].splitlines(), after.texts[new.sha256].splitlines(),
                f"a/{old.path}", f"b/{old.path}", lineterm="",
            )  # fmt: skip
            diff = "\n".join(list(lines)[:_DIFF_LINES])
            listed.append(FileChange(path=old.path, before=old.sha256, after=new.sha256, diff=diff))
    return tuple(listed)


async def corrections(
    step: BuildContext, parts: Parts, plan: RoundPlan, before: Sequence[RepairRound]
) -> dict[str, Correction]:
    """The answers with the corrected texts, by path; those about tests say why."""

    def ask(path: str, items: Sequence[Failure]) -> Ask[RepairRequest]:
        related = dict.fromkeys(other for item in items for other in item.files if other != path)
        request = RepairRequest(
            path=path,
            text=parts.text(path),
            failures=tuple(f"{name_of(item)}\n{item.message}" for item in items[:_MESSAGES]),
            related=texts_of(parts, list(related)[:_RELATED]),
            architecture=parts.architecture,
            stories=parts.stories,
            brief=excerpt(step.read("requirements", Requirements), parts.requirements_of(path)),
            reason=plan.reason,
            tried=tuple(
                change.diff
                for item in before
                if not item.kept
                for change in item.changes
                if change.path == path
            )[-_SHOWN_TRIES:],
        )
        return Ask(path, request)

    asks = [ask(path, items) for path, items in plan.files.items()]
    return await step.units.make(TASKS[plan.side], asks)


def texts_of(parts: Parts, paths: Sequence[str]) -> tuple[SourceText, ...]:
    """The files of a tree at some paths; others are left out."""
    return tuple(SourceText(path=path, text=parts.text(path)) for path in paths if path in parts.paths)
