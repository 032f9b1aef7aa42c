"""The repair loop: what failed goes to the role that owns the fault, until it passes or something says stop.

One round changes the code, the tests or the documents, never two of them. The best tree so far is kept, never a worse
one.
"""

import difflib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import (
    Correction,
    FaultRequest,
    RepairRequest,
    SourceText,
    Task,
)
from hishamos_pipeline.authoring.file_validation import is_fixed
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
# So often a failure may stay as it is although its file was changed.
_MOST_IN_VAIN = 2
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


@dataclass
class Tried:
    """What was tried for each failure, by its name: how often, how often in vain, and why it was given up.

    ``path`` and ``side`` hold where a repairer has said that the fault is.
    """

    rounds: Counter[str] = field(default_factory=Counter)
    vain: Counter[str] = field(default_factory=Counter)
    given_up: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)
    side: dict[str, Side] = field(default_factory=dict)

    def open(self, found: Sequence[Failure]) -> list[Failure]:
        """Those that are not given up."""
        return [item for item in found if name_of(item) not in self.given_up]

    def give_up(self, items: Iterable[Failure], reason: str) -> None:
        """Leave failures as they are; the first reason stands."""
        for item in items:
            self.given_up.setdefault(name_of(item), reason)

    @property
    def reason(self) -> str:
        """Why there is no further round."""
        return "; ".join(dict.fromkeys(self.given_up.values()))


async def repair(
    step: BuildContext, parts: Parts, judge: Judge, earlier: Sequence[RepairRound] = ()
) -> Repaired:
    """Verify a tree, and repair it for as long as that helps.

    What cannot be mended does not stop the rest: each failure is mended, given up, or left when rounds or money end.

    Args:
        step: the verified build.
        parts: the tree to begin with.
        judge: verifies a tree; it is told the number of the round.
        earlier: rounds of an earlier build, whose corrections were of no use.
    """
    verdict, tried, stopped = await judge(parts, 0), Tried(), ""
    rounds: list[RepairRound] = []
    while not verdict.build.passed:
        found = failures(verdict.build.checks, verdict.tests, code_of(parts))
        left = _to_mend(step, parts, found, tried)
        if not left:
            stopped = tried.reason or "nothing of what failed can be mended by changing a file"
        elif len(rounds) >= step.settings.repair_rounds_in_all:
            stopped = f"{len(rounds)} rounds (HISHAMOS_REPAIR_ROUNDS_IN_ALL)"
        if stopped:
            break
        spent = step.spent()
        try:
            plan = await next_round(step, parts, left, tried)
            if not plan.files:
                continue
            answers = await corrections(step, parts, plan, [*earlier, *rounds])
        except (ModelError, UnbuildableError) as error:  # a budget that is used up among them
            stopped = str(error)
            break
        attempt = parts.changed(_obeyed(plan, answers, tried))
        judged = await judge(attempt, len(rounds) + 1) if attempt.files != parts.files else verdict
        better = badness(judged) < badness(verdict)
        rounds.append(
            round_of(
                plan, answers, found, parts, attempt, judged, len(rounds) + 1, better, spent, step.spent()
            )
        )
        _count(plan, tried, better=better)
        if better:
            parts, verdict = attempt, judged
    return Repaired(parts, verdict, tuple(rounds), stopped)


def _to_mend(step: BuildContext, parts: Parts, found: Sequence[Failure], tried: Tried) -> list[Failure]:
    """The failures that are worth another round; why the others are not is kept."""
    most = step.settings.repair_rounds
    for item in tried.open(found):
        key = name_of(item)
        if _is_about_ours(parts, item):
            tried.give_up(
                [item],
                f"{item.files[0]} is made by HishamOS itself: this is a fault of its own, please report it",
            )
        elif tried.vain[key] >= _MOST_IN_VAIN:
            tried.give_up([item], "no progress: the same failures twice")
        elif tried.rounds[key] >= most:
            tried.give_up([item], f"{most} rounds (HISHAMOS_REPAIR_ROUNDS)")
    return tried.open(found)


def _is_about_ours(parts: Parts, item: Failure) -> bool:
    """Whether a failure is about a file that nobody but our templates has written."""
    if not item.files or item.check == "tests_pass" or item.files[0] not in parts.paths:
        return False
    return is_ours(parts, item.files[0])


def is_ours(parts: Parts, path: str) -> bool:
    """Whether nobody but our templates has written a file."""
    # A plan of the blueprint engine has no file that a model could have written.
    is_models = any(file.interface for file in parts.architecture.files)
    return is_models and is_fixed(parts.architecture, parts.stories, path)


def _count(plan: RoundPlan, tried: Tried, *, better: bool) -> None:
    for item in {name_of(item): item for items in plan.files.values() for item in items}:
        tried.rounds[item] += 1
        tried.vain[item] = 0 if better else tried.vain[item] + 1


def _obeyed(plan: RoundPlan, answers: Mapping[str, Correction], tried: Tried) -> dict[str, str]:
    """The corrected texts; what repairers have said instead of correcting is kept for the next rounds."""
    texts = {}
    for path, answer in answers.items():
        items = plan.files[path]
        if answer.outcome == "corrected":
            texts[path] = answer.text
        elif answer.outcome == "other_file":
            tried.path |= {name_of(item): answer.path for item in items}
        elif answer.outcome == "code_at_fault":
            tried.side |= {name_of(item): "code" for item in items}
        elif answer.outcome == "plan_at_fault":
            tried.give_up(items, f"the plan has to change: {answer.reason}")
        else:
            tried.give_up(items, f"cannot be mended: {answer.reason}")
    return texts


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
        role=_TASKS[plan.side].role,
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


async def next_round(step: BuildContext, parts: Parts, found: Sequence[Failure], tried: Tried) -> RoundPlan:
    """Which side to change next, and which of its files; failures that name none that may be changed are given up.

    What repairers have said comes first, then rules; where those cannot tell, or where following them did not help, a
    model does.
    """
    theirs = step.edited_items(KINDS)  # a model does not change them unasked
    doubtful = [
        item
        for item in found
        if item.check == "tests_pass"
        and not _is_said(item, tried)
        and (not item.side or tried.vain[name_of(item)])
    ]
    side, reason = _by_rule([_told(item, tried) for item in found if item not in doubtful]), ""
    if doubtful and not side:
        side, reason = await _by_model(step, parts, doubtful[0])
    side = side or "code"
    files: dict[str, list[Failure]] = {}
    for item in found:
        told = _told(item, tried)
        if told.side not in (side, "") and not (item in doubtful and reason):
            continue
        paths = [
            path
            for path in told.files
            if side_of(path) == side
            and path in parts.paths
            and path not in theirs
            and not is_ours(parts, path)
        ]
        if paths:
            files.setdefault(paths[0], []).append(item)
        else:
            blamed = sorted(set(told.files) & theirs)
            edited = f": {', '.join(blamed)} was edited by a person, and is left to people" if blamed else ""
            tried.give_up([item], f"what failed names no file that may be changed{edited}")
    chosen = Counter({path: len(items) for path, items in files.items()}).most_common(
        step.settings.repair_files
    )
    return RoundPlan(side, {path: tuple(files[path]) for path, _ in chosen}, reason)


def _is_said(item: Failure, tried: Tried) -> bool:
    return name_of(item) in tried.path or name_of(item) in tried.side


def _told(item: Failure, tried: Tried) -> Failure:
    """A failure with the file and the side that a repairer has named."""
    path, side = tried.path.get(name_of(item)), tried.side.get(name_of(item))
    if path:
        return replace(item, files=(path, *item.files), side=side_of(path))
    if side:
        return replace(item, side=side)
    return item


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
            related=_texts(parts, list(related)[:_RELATED]),
            architecture=parts.architecture,
            stories=parts.stories,
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
    return await step.units.make(_TASKS[plan.side], asks)


def _texts(parts: Parts, paths: Sequence[str]) -> tuple[SourceText, ...]:
    return tuple(SourceText(path=path, text=parts.text(path)) for path in paths if path in parts.paths)
