"""The repair loop: what failed goes to the role that owns the fault, until it passes or something says stop.

One round changes the code, the tests or the documents, never two of them. The best tree so far is kept, never a worse
one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import Correction, FaultRequest
from hishamos_pipeline.authoring.file_validation import is_fixed
from hishamos_pipeline.core.artifacts.documents import PlanFault, RepairRound
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.errors import ModelError, UnbuildableError
from hishamos_pipeline.generation.assembling import KINDS, Parts
from hishamos_pipeline.generation.context import BuildContext
from hishamos_pipeline.generation.repair_rounds import (
    TASKS,
    RoundPlan,
    badness,
    code_of,
    corrections,
    name_of,
    round_of,
    texts_of,
)
from hishamos_pipeline.generation.units import Ask
from hishamos_pipeline.verification.failures import Failure, Side, failures, side_of
from hishamos_pipeline.verification.verify import Verdict

# So often a failure may stay as it is although its file was changed.
_MOST_IN_VAIN = 2
Judge = Callable[[Parts, int], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Repaired:
    """The best tree that was reached, its verdict, how it came about, why there was no further round, and what is wrong
    with the plan.
    """

    parts: Parts
    verdict: Verdict
    rounds: tuple[RepairRound, ...]
    stopped: str
    plan_faults: tuple[PlanFault, ...] = ()


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
    plan_faults: list[PlanFault] = field(default_factory=list)

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
    return Repaired(parts, verdict, tuple(rounds), stopped, tuple(tried.plan_faults))


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
            tried.plan_faults.append(PlanFault(path=path, reason=answer.reason))
        else:
            tried.give_up(items, f"cannot be mended: {answer.reason}")
    return texts


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
    for side in TASKS:
        if any(item.side == side for item in found):
            return side
    return None


async def _by_model(step: BuildContext, parts: Parts, item: Failure) -> tuple[Side, str]:
    test = item.name.split("::")[0]
    story = next((s for s in parts.stories.planned if story_test_path(s.id, s.title) == test), None)
    request = FaultRequest(
        failure=item.message,
        files=texts_of(parts, item.files),
        criteria=tuple(f"{c.id}: Given {c.given} When {c.when} Then {c.then}" for c in story.criteria)
        if story
        else (),
    )
    answers = await step.units.make(tasks.FIND_FAULT, [Ask(item.name, request)])
    fault = answers[item.name]
    return fault.side, fault.reason
