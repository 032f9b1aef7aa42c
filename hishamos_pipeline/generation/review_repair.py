"""What a review finds in a tree that passes: mended in one round that keeps it passing, or told in its README."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hishamos_pipeline.core.artifacts.documents import Architecture, Finding, RepairRound
from hishamos_pipeline.core.text.untrusted import markdown_line
from hishamos_pipeline.errors import ModelError, UnbuildableError
from hishamos_pipeline.generation.assembling import KINDS, Parts
from hishamos_pipeline.generation.context import BuildContext
from hishamos_pipeline.generation.readme_sections import README, with_section
from hishamos_pipeline.generation.repair import Judge, Repaired, is_ours
from hishamos_pipeline.generation.repair_rounds import RoundPlan, corrections, names, round_of
from hishamos_pipeline.generation.reviewing import add_up, reviews
from hishamos_pipeline.settings import listed
from hishamos_pipeline.verification.failures import Failure

_KNOWN_ISSUES = "Known issues"
_CHECK = "code_review"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A tree after its review, the round that it has taken, if any, and the findings that are left.

    ``texts`` are the corrected files that were kept, by path.
    """

    done: Repaired
    rounds: tuple[RepairRound, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    left: tuple[Finding, ...] = ()


async def after_review(step: BuildContext, done: Repaired, judge: Judge) -> Reviewed:
    """Have a tree that passes reviewed, and serious findings that name a line corrected in one round.

    A correction is kept only where everything still passes and fewer serious findings are left. Those that stay are
    told in the README. Where nobody can be asked, the tree stays as it is.

    Args:
        step: the verified build.
        done: a tree; one that does not pass is not reviewed.
        judge: verifies a tree; it is told the number of the round.
    """
    severities = set(listed(step.settings.review_repair)) - {"none"}
    if not done.verdict.build.passed or not severities:
        return Reviewed(done)
    try:
        found = await _serious(step, done.parts, severities)
    except (ModelError, UnbuildableError):  # a budget that is used up among them: the review itself says so
        return Reviewed(done)
    mended = await _mended(step, Reviewed(done, left=found), judge, severities)
    return replace(mended, done=await _told(mended, judge))


async def _serious(step: BuildContext, parts: Parts, severities: set[str]) -> tuple[Finding, ...]:
    plan = step.read("architecture", Architecture)
    made = await reviews(step.units_of(_CHECK), plan, parts.files, parts.texts)
    review = add_up([(1, item) for item in made.values()])
    return tuple(item for item in review.findings if item.severity in severities and item.path in parts.paths)


async def _mended(step: BuildContext, before: Reviewed, judge: Judge, severities: set[str]) -> Reviewed:
    done, found = before.done, before.left
    parts, number = done.parts, len(done.rounds) + 1
    theirs = step.edited_items(KINDS)
    files: dict[str, list[Failure]] = {}
    for item in found:
        if item.line and item.path not in theirs and not is_ours(parts, item.path):
            files.setdefault(item.path, []).append(_failure(item))
    chosen = {path: tuple(files[path]) for path in list(files)[: step.settings.repair_files]}
    plan, spent = RoundPlan("code", chosen, "a review has found this"), step.spent()
    try:
        answers = await corrections(step, parts, plan, ())
    except (ModelError, UnbuildableError):  # rules do not correct code, and a budget may be used up
        return before
    if not answers:
        return before
    texts = {path: answer.text for path, answer in answers.items() if answer.outcome == "corrected"}
    attempt = parts.changed(texts)
    judged = await judge(attempt, number) if attempt.files != parts.files else done.verdict
    left = await _left(step, attempt, severities, found) if judged.build.passed else found
    better = judged.build.passed and len(left) < len(found)
    failed = list(map(_failure, found))
    made = round_of(plan, answers, failed, parts, attempt, judged, number, better, spent, step.spent())
    if judged.build.passed:
        made = made.model_copy(update={"left": names(list(map(_failure, left)))})
    if not better:
        return replace(before, rounds=(made,))
    return Reviewed(replace(done, parts=attempt, verdict=judged), (made,), texts, left)


async def _left(
    step: BuildContext, parts: Parts, severities: set[str], before: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """The findings of a corrected tree; where it cannot be reviewed, those that there were."""
    try:
        return await _serious(step, parts, severities)
    except (ModelError, UnbuildableError):
        return before


async def _told(reviewed: Reviewed, judge: Judge) -> Repaired:
    """The tree with the findings that stay in its README, as long as it passes with them."""
    done, left = reviewed.done, reviewed.left
    if not left or README not in done.parts.paths:
        return done
    lines = [
        f"`{item.path}`{f', line {item.line}' if item.line else ''}, {item.severity}: {markdown_line(item.problem)}"
        for item in left
    ]
    package = done.parts.architecture.package
    text = await with_section(done.parts.text(README), _KNOWN_ISSUES, lines, package)
    told = done.parts.changed({README: text})
    judged = await judge(told, len(done.rounds) + len(reviewed.rounds) + 1)
    return replace(done, parts=told, verdict=judged) if judged.build.passed else done


def _failure(item: Finding) -> Failure:
    fix = f" To mend it: {item.fix}" if item.fix else ""
    message = f"{item.severity} ({item.pillar}), line {item.line}: {item.problem}{fix}"
    return Failure(_CHECK, f"{item.path}:{item.line}", "other", "code", (item.path,), message)
