"""What planning will come to, as far as it can be told before it is done.

What rules make, and what a model has been asked before, is exact: it is made now, and not kept. Where a model has to be
asked first, what it is asked about is taken to change.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from hishamos_pipeline.agents.tasks import TASK_OF, ChangedRequirements, RequirementsRevision
from hishamos_pipeline.core.artifacts.brief import demands
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Architecture, Requirement, Requirements, Stories
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import HishamosError, ReplayError
from hishamos_pipeline.generation.file_asks import Plans
from hishamos_pipeline.generation.plans import plans_now
from hishamos_pipeline.generation.producers import architecture, requirements, stories
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.scoping import scope_of

# In the order in which they are made where builds have a scope: stories say what the plan leaves out.
PLANNING = ("requirements", "stories", "architecture")
# A section of which so many words are as before probably means what it did.
_SAME_WORDS = 0.7
# What people write of what is given to a call.
_GIVEN = frozenset(
    """accept accepts argument arguments field fields flag flags option options optional optionally parameter parameters
    takes column columns""".split()
)
# An option, or a call with something between its brackets, on a line that has changed.
_CALL = re.compile(r"(?m)^[+-].*(?:\s--[a-z]|[\[`(]--[a-z]|\w\([^)\n]*\w)")
_WORD = re.compile(r"[\w.:/%-]*\w")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What planning comes to.

    ``plans`` are exact where nothing has to be asked first, else as they are; ``changed`` are requirements that are
    asked about, ``None`` for all of them, and ``new`` how many may be added. ``called`` are those of them that now say
    something else of what a call is given, so that whoever calls it probably changes too. ``asked`` says of each
    planning step whether it asks certainly (``True``) or probably (``False``); one that asks nothing is not in it.
    """

    plans: Plans | None
    changed: frozenset[str] | None = frozenset()
    new: int = 0
    called: frozenset[str] = frozenset()
    asked: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether the plans are the very ones that a build will make."""
        return self.plans is not None and not self.asked


async def foresee(run: ProjectRun, kinds: Collection[str]) -> Outlook:
    """What planning comes to in the next build.

    Args:
        run: the project.
        kinds: the artifacts that the build makes.
    """
    try:
        return await _outlook(run, kinds)
    except HishamosError:  # what a build would fail at: it says so then
        return Outlook(None, changed=None)


async def _outlook(run: ProjectRun, kinds: Collection[str]) -> Outlook:
    made = await _foreseen(run, kinds)
    now = plans_now(run.project)
    if made is None:
        return _of_brief(run, kinds, now)
    asked = {kind: True for kind in planning_of(kinds) if kind not in made}
    if {"stories", "architecture"} <= asked.keys() and scope_of(run.project):
        asked["architecture"] = False  # what is new may have to wait
    if now is None and asked:
        return Outlook(None, changed=None, asked=asked)
    wanted = made.get("requirements") or run.project.read("requirements", Requirements)
    plans = Plans(
        made.get("architecture") or run.project.read("architecture", Architecture),
        made.get("stories") or run.project.read("stories", Stories),
        wanted,
    )
    if not asked:
        return Outlook(plans)
    question = _question(run, made, wanted, "architecture" if "architecture" in asked else "stories")
    if question is None:
        return Outlook(plans, None, asked=asked)
    changed = frozenset(question.changed)
    known = {item.id for item in now.requirements.requirements} if now and now.requirements else set()
    called = frozenset(change.name for change in question.told if _is_about_calls(change.diff))
    return Outlook(plans, changed, len(changed - known), called & known, asked)


async def _foreseen(run: ProjectRun, kinds: Collection[str]) -> dict[str, Any] | None:
    """Planning documents that nobody has to be asked for; ``None`` where the requirements have to be."""
    known, idea = recalling(run), run.project.idea()
    made: dict[str, Any] = {}
    for kind in planning_of(kinds):
        try:
            made[kind] = await preview(known, kind, {"idea": idea, **made})
        except ReplayError:
            if kind == "requirements":
                return None
    return made


def recalling(run: ProjectRun) -> ProjectRun:
    """The same project with nobody to ask: what was answered before is known, and nothing is written."""
    return ProjectRun(replace(run.services, engine=run.engine.recalling()))


def planning_of(kinds: Collection[str]) -> tuple[str, ...]:
    """The planning steps among those of a build; a new brief has its requirements read."""
    wanted = {*kinds, "requirements"} if "idea" in kinds else kinds
    return tuple(kind for kind in PLANNING if kind in wanted)


async def preview(run: ProjectRun, kind: str, given: Mapping[str, Document]) -> Any:
    """What an artifact of planning will be, if nobody has to be asked for it.

    Raises:
        ReplayError: a model has to be asked.
        HishamosError: what a build would raise.
    """
    is_anew = run.services.fresh or run.services.overrides.anew
    if is_anew and run.engine.asks_models(TASK_OF[kind]):
        raise ReplayError(f"{kind} is asked for anew")
    return await run.runner.preview(kind, given)


def _of_brief(run: ProjectRun, kinds: Collection[str], now: Plans | None) -> Outlook:
    """What may follow from a brief that a model reads first."""
    if now is None or now.requirements is None:
        return Outlook(None, changed=None, asked=dict.fromkeys(planning_of(kinds), True))
    revision = requirements.revision(run.runner.context("requirements"), run.project.idea())
    if not isinstance(revision, RequirementsRevision):
        asked = {"requirements": True, "architecture": False, "stories": False}
        return Outlook(now, None, asked=asked)
    changed = frozenset(_probably_changed(revision))
    cited = {item.id: item.sections for item in revision.requirements.requirements}
    about = {c.name.removeprefix("section ") for c in revision.changes if _is_about_calls(c.diff)}
    called = frozenset(name for name in changed if not about.isdisjoint(cited.get(name, ())))
    new = sum(section.id in revision.added and demands(section) for section in run.project.idea().whole)
    follow = ("architecture", "stories") if changed or new else ()
    return Outlook(now, changed, new, called, {"requirements": True, **dict.fromkeys(follow, False)})


def _question(
    run: ProjectRun, made: Mapping[str, Document], wanted: Requirements, kind: str
) -> ChangedRequirements | None:
    """What the architect, or whoever writes stories, is asked; ``None`` where it is everything anew."""
    context = run.runner.context(kind, made)
    if kind == "architecture":
        plan = architecture.revision(context, wanted, context.waiting())
        return plan if isinstance(plan, ChangedRequirements) else None
    backlog = stories.revision(context, wanted)
    return backlog if isinstance(backlog, ChangedRequirements) else None


def _probably_changed(revision: RequirementsRevision) -> tuple[str, ...]:
    """Requirements that cite a section which says something else, and not the same in other words or what they say."""
    changes = tuple(change for change in revision.changes if not _says_the_same(change.diff))
    asked = revision.model_copy(update={"changes": changes}).concerned
    diffs = {change.name.removeprefix("section "): change.diff for change in changes}
    return tuple(
        item.id
        for item in revision.requirements.requirements
        if item.id in asked and not _says_it(item, [diffs[name] for name in item.sections if name in diffs])
    )


def _says_it(item: Requirement, diffs: Sequence[str]) -> bool:
    """Whether a requirement already says what its sections say now, as after a change in a sentence."""
    said = set(_WORD.findall("\n".join((item.title, item.statement, *item.acceptance)).casefold()))
    added = {word for text in diffs for word in _words(text, "+") - _words(text, "-")}
    gone = {word for text in diffs for word in _words(text, "-") - _words(text, "+")}
    return len(said & added) * 2 > len(added) and not said & gone


def _words(diff: str, sign: str) -> set[str]:
    lines = (line[1:] for line in diff.splitlines() if line[:1] == sign)
    return {word for line in lines for word in _WORD.findall(line.casefold())}


def _is_about_calls(diff: str) -> bool:
    """Whether a change says something else of what a call is given."""
    return bool(_GIVEN & (_words(diff, "+") | _words(diff, "-")) or _CALL.search(diff))


def _says_the_same(diff: str) -> bool:
    """Whether a change looks like one of wording: figures are the same, and so are most words."""
    old, new = (
        [word for line in diff.splitlines() if line[:1] == sign for word in line[1:].split()] for sign in "-+"
    )
    figures = ([word for word in words if any(c.isdigit() for c in word)] for words in (old, new))
    is_alike = SequenceMatcher(None, old, new, autojunk=False).ratio() >= _SAME_WORDS
    return bool(old) and bool(new) and is_alike and next(figures) == next(figures)
