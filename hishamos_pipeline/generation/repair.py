"""The repair loop: what failed goes to the role that owns the fault, until it passes or something says stop.

One round changes the code, the tests or the documents, never two of them. The best tree so far is kept, never a worse
one.
"""

import difflib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import FaultRequest, RepairRequest, SourceText, Task
from hishamos_pipeline.core.artifacts.documents import FileChange, RepairRound
from hishamos_pipeline.core.text.ids import EXAMPLES, story_test_path
from hishamos_pipeline.errors import ModelError, UnbuildableError
from hishamos_pipeline.generation.assembling import KINDS, Parts
from hishamos_pipeline.generation.context import BuildContext
from hishamos_pipeline.generation.units import Ask
from hishamos_pipeline.verification.failures import Failure, Side, failures, side_of
from hishamos_pipeline.verification.verify import Verdict

_TASKS: Mapping[Side, Task[RepairRequest, Any]] = {
    "code": tasks.REPAIR_CODE,
    "test": tasks.REPAIR_TEST,
    "document": tasks.REPAIR_DOCUMENT,
}
_RELATED = 6
_MESSAGES = 5
_DIFF_LINES = 200
# Checks that are done only when all others pass: a tree that fails one of them is nearly there.
_DEEP = frozenset({"report_is_honest", "mistakes_noticed", "readme_commands"})
Judge = Callable[[Parts, int], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Repaired:
    """The best tree that was reached, its verdict, how it came about, and why there was no further round."""

    parts: Parts
    verdict: Verdict
    rounds: tuple[RepairRound, ...]
    stopped: str


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What one round is to change: files of one side, each with what failed about it."""

    side: Side
    files: Mapping[str, tuple[Failure, ...]]
    reason: str = ""


async def repair(step: BuildContext, parts: Parts, judge: Judge) -> Repaired:
    """Verify a tree, and repair it for as long as that helps.

    Args:
        step: the verified build.
        parts: the tree to begin with.
        judge: verifies a tree; it is told the number of the round.
    """
    verdict, stopped, stuck = await judge(parts, 0), "", False
    rounds: list[RepairRound] = []
    while not verdict.build.passed:
        found = failures(verdict.build.checks, verdict.tests, code_of(parts))
        if not found:
            stopped = "nothing of what failed can be mended by changing a file"
        elif len(rounds) >= step.settings.repair_rounds:
            stopped = f"{len(rounds)} rounds (HISHAMOS_REPAIR_ROUNDS)"
        if stopped:
            break
        calls, cost = step.spent()
        try:
            plan = await next_round(step, parts, found, stuck=stuck)
            answers = await _ask(step, parts, plan)
        except (ModelError, UnbuildableError) as error:  # a budget that is used up among them
            stopped = str(error)
            break
        attempt = parts.changed({path: answer.text for path, answer in answers.items()})
        judged = await judge(attempt, len(rounds) + 1)
        better = badness(judged) < badness(verdict)
        calls_now, cost_now = step.spent()
        rounds.append(
            RepairRound(
                number=len(rounds) + 1,
                side=plan.side,
                role=_TASKS[plan.side].role,
                failed=names(found),
                reason=" ".join(
                    [plan.reason, *(getattr(answer, "reason", "") for answer in answers.values())]
                ).strip(),
                changes=changes(parts, attempt),
                left=names(failures(judged.build.checks, judged.tests, code_of(attempt))),
                kept=better,
                calls=calls_now - calls,
                cost_usd=round(cost_now - cost, 6),
            )
        )
        if better:
            parts, verdict, stuck = attempt, judged, False
        elif stuck:
            stopped = "no progress: the same failures twice"
            break
        else:
            stuck = True
    return Repaired(parts, verdict, tuple(rounds), stopped)


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


def names(found: Sequence[Failure]) -> tuple[str, ...]:
    """What failed, by name."""
    return tuple(f"{item.check}: {item.name}" for item in found)


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


async def next_round(step: BuildContext, parts: Parts, found: Sequence[Failure], *, stuck: bool) -> RoundPlan:
    """Which side to change next, and which of its files.

    Rules decide; where they cannot, or where following them did not help, a model does.
    """
    theirs = step.edited_items(KINDS)  # a model does not change them unasked
    doubtful = [item for item in found if item.check == "tests_pass" and (not item.side or stuck)]
    side, reason = _by_rule(found), ""
    if doubtful and (stuck or not side):
        side, reason = await _by_model(step, parts, doubtful[0])
    side = side or "code"
    files: dict[str, list[Failure]] = {}
    for item in found:
        paths = [
            path
            for path in item.files
            if side_of(path) == side and path in parts.paths and path not in theirs and path != EXAMPLES
        ]
        if paths and (item.side in (side, "") or item in doubtful):
            files.setdefault(paths[0], []).append(item)
    chosen = Counter({path: len(items) for path, items in files.items()}).most_common(
        step.settings.repair_files
    )
    if not chosen:
        blamed = sorted({path for item in found for path in item.files} & theirs)
        edited = f": {', '.join(blamed)} was edited by a person, and is left to people" if blamed else ""
        raise UnbuildableError(f"what failed names no file that may be changed{edited}")
    return RoundPlan(side, {path: tuple(files[path]) for path, _ in chosen}, reason)


def _by_rule(found: Sequence[Failure]) -> Side | None:
    """Code first: tests that cannot run for its sake are not judged yet. Documents come last."""
    for side in _TASKS:
        if any(item.side == side for item in found):
            return side
    return None


async def _by_model(step: BuildContext, parts: Parts, item: Failure) -> tuple[Side, str]:
    test = item.name.split("::")[0]
    story = next((s for s in parts.stories.planned if story_test_path(s.id, s.title) == test), None)
    request = FaultRequest(
        failure=item.message,
        files=_texts(parts, item.files),
        criteria=tuple(f"{c.id}: Given {c.given} When {c.when} Then {c.then}" for c in story.criteria)
        if story
        else (),
    )
    answers = await step.units.make(tasks.FIND_FAULT, [Ask(item.name, request)])
    fault = answers[item.name]
    return fault.side, fault.reason


async def _ask(step: BuildContext, parts: Parts, plan: RoundPlan) -> dict[str, Any]:
    """The answers with the corrected texts, by path; those about tests say why."""

    def ask(path: str, items: Sequence[Failure]) -> Ask[RepairRequest]:
        related = dict.fromkeys(other for item in items for other in item.files if other != path)
        request = RepairRequest(
            path=path,
            text=parts.text(path),
            failures=tuple(f"{item.check}: {item.name}\n{item.message}" for item in items[:_MESSAGES]),
            related=_texts(parts, list(related)[:_RELATED]),
            architecture=parts.architecture,
            stories=parts.stories,
            reason=plan.reason,
        )
        return Ask(path, request)

    asks = [ask(path, items) for path, items in plan.files.items()]
    return await step.units.make(_TASKS[plan.side], asks)


def _texts(parts: Parts, paths: Sequence[str]) -> tuple[SourceText, ...]:
    return tuple(SourceText(path=path, text=parts.text(path)) for path in paths if path in parts.paths)
