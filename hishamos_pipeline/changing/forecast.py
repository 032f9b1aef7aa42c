"""What a build would make, unit by unit, and what that would cost if each unit cost what it cost last.

``certain`` follows from what there is by the very rules that a build goes by. ``likely`` and ``at most`` are told where
a model has to be asked first: what it was asked about is taken to change what serves it, and at most all.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import RequirementsRevision, Task
from hishamos_pipeline.core.artifacts.brief import demands
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    FileKind,
    FileSet,
    Requirements,
    Stories,
    TestSuite,
)
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.staleness import PlannedStep
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.errors import ArtifactMissingError, HishamosError, ProjectNotFoundError
from hishamos_pipeline.generation.file_asks import FILE_ARTIFACTS, FILE_TASKS, Plans, file_asks
from hishamos_pipeline.generation.file_history import FileHistory
from hishamos_pipeline.generation.plans import plans_now
from hishamos_pipeline.generation.producers import architecture, requirements, stories
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.store.calls.records import UnitCost
from hishamos_pipeline.store.forecasts.records import Foretold

_PLANNING: Mapping[str, Task[Any, Any]] = {
    "idea": tasks.REQUIREMENTS,
    "requirements": tasks.REQUIREMENTS,
    "architecture": tasks.ARCHITECTURE,
    "stories": tasks.STORIES,
}
_FILE_KIND: Mapping[str, FileKind] = {artifact: name for name, artifact in FILE_ARTIFACTS.items()}
# What is asked for because of something new that no file serves yet.
_NEW = "(new)"
_NOTHING = UnitCost()
# States of a project whose build came to its end.
_BUILT = frozenset({"verified", "exported"})
# A section of which so many words are as before probably means what it did.
_SAME_WORDS = 0.7


@dataclass(frozen=True, slots=True)
class Forecast:
    """A step of a build: what of it would be made, and for how much.

    ``units`` will be made; ``likely`` probably, ``perhaps`` only if something that they are built on comes out
    differently; ``kept`` is how many are taken as they are. ``certain``, ``expected`` and ``most`` are the cost of the
    first, of the first two, and of all three.
    """

    step: PlannedStep
    units: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    kept: int = 0
    certain: UnitCost = _NOTHING
    expected: UnitCost = _NOTHING
    most: UnitCost = _NOTHING


@dataclass(frozen=True, slots=True)
class _Units:
    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    kept: int = 0


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What planning comes to, as far as it can be told before it is done.

    ``plans`` are exact where nothing has to be asked first (``is_known``), else as they are; ``changed`` are
    requirements that are asked about, ``None`` for all of them, and ``new`` how many may be added. ``asked`` says of
    each planning step whether it asks certainly (``True``) or probably (``False``); one that asks nothing is not in it.
    """

    plans: Plans | None
    is_known: bool
    changed: frozenset[str] | None = frozenset()
    new: int = 0
    asked: Mapping[str, bool] = field(default_factory=dict)


async def forecast(run: ProjectRun) -> list[Forecast]:
    """The steps of the next build with their units and costs; nothing is made, and no model is asked."""
    costs = run.project.store.calls.unit_costs(run.key)
    steps = run.plan()
    outlook = await _outlook(run, {step.kind for step in steps})
    found = {step.kind: _units(run, step, outlook, costs) for step in steps}
    if "code_review" in found:
        found["code_review"] = _reviewed(found["code_review"], found.get("source_code", _Units()))
    return [_priced(run, step, found[step.kind], costs) for step in steps]


async def keep_forecast(run: ProjectRun, run_id: str) -> None:
    """Keep what a build that begins is foretold to cost, so that it can be held against what happens.

    Nothing is foretold of a project that no model has worked for: there is nothing to tell it by. A forecast that
    cannot be made stops no build.
    """
    forecasts = run.project.store.forecasts
    with suppress(HishamosError):
        if forecasts.has(run.key, run_id) or not run.project.store.calls.unit_costs(run.key):
            return
        told = {
            item.step.kind: Foretold(item.certain, item.expected, item.most) for item in await forecast(run)
        }
        forecasts.add(run.key, run_id, told)


def end_forecast(run: ProjectRun, run_id: str) -> None:
    """Keep what a build has cost; one that got stuck has not been what was foretold, and stays open."""
    store = run.project.store
    with suppress(ProjectNotFoundError):
        if store.projects.get(run.key).state in _BUILT:
            store.forecasts.end(run.key, run_id)


async def _outlook(run: ProjectRun, kinds: Collection[str]) -> _Outlook:
    try:
        if not _PLANNING.keys() & kinds:
            return _Outlook(plans_now(run.project), is_known=True)
        if not any(run.engine.asks_models(task) for task in _PLANNING.values()):
            return _Outlook(await _foreseen(run), is_known=True)
        return _asking(run, kinds)
    except HishamosError:  # what a build would fail at: it says so then
        return _Outlook(None, is_known=False, changed=None)


async def _foreseen(run: ProjectRun) -> Plans:
    """The plans that rules will make: they are made now, and not kept."""
    wanted = await run.runner.preview("requirements", {"idea": run.project.idea()})
    given = {"requirements": wanted}
    return Plans(
        await run.runner.preview("architecture", given), await run.runner.preview("stories", given), wanted
    )


def _asking(run: ProjectRun, kinds: Collection[str]) -> _Outlook:
    """What models will be asked of planning."""
    plans = plans_now(run.project)
    if plans is None or plans.requirements is None:
        anew = {kind: True for kind in _PLANNING if kind in kinds and kind != "idea"}
        return _Outlook(None, is_known=False, changed=None, asked=anew)
    asked: dict[str, bool] = {}
    changed: frozenset[str] | None = frozenset()
    new, wanted = 0, plans.requirements
    if {"idea", "requirements"} & set(kinds):
        before = run.runner.context("requirements").before_with(Requirements, "idea", Idea)
        revision = requirements.revision(before, run.project.idea())
        if not isinstance(revision, Requirements):
            asked["requirements"] = True
            changed = frozenset(_probably_changed(revision)) if revision else None
            added = revision.added if revision else frozenset()
            new = sum(section.id in added and demands(section) for section in run.project.idea().whole)
        for kind in ("architecture", "stories"):
            if kind in kinds and (changed is None or changed or new):
                asked[kind] = False
        return _Outlook(plans, not asked, changed, new, asked)
    is_known = True
    if "architecture" in kinds:
        context = run.runner.context("architecture")
        plan = architecture.revision(context, wanted, context.waiting())
        if not isinstance(plan, Architecture):
            asked["architecture"] = True
            is_known = False
            changed = frozenset(plan.changed) if plan else None
    if "stories" in kinds:
        backlog = stories.revision(run.runner.context("stories"), wanted)
        if not isinstance(backlog, Stories):
            asked["stories"] = True
            is_known = False
            changed = frozenset(backlog.changed) if backlog else None
    return _Outlook(plans, is_known, changed, new, asked)


def _probably_changed(revision: RequirementsRevision) -> tuple[str, ...]:
    """Requirements that cite a section which says something else, and not the same in other words."""
    same = [change for change in revision.changes if _says_the_same(change.diff)]
    others = tuple(change for change in revision.changes if change not in same)
    return revision.model_copy(update={"changes": others}).concerned


def _says_the_same(diff: str) -> bool:
    """Whether a change looks like one of wording: figures are the same, and so are most words."""
    old, new = (
        [word for line in diff.splitlines() if line[:1] == sign for word in line[1:].split()] for sign in "-+"
    )
    figures = ([word for word in words if any(c.isdigit() for c in word)] for words in (old, new))
    is_alike = SequenceMatcher(None, old, new, autojunk=False).ratio() >= _SAME_WORDS
    return bool(old) and bool(new) and is_alike and next(figures) == next(figures)


def _units(
    run: ProjectRun, step: PlannedStep, outlook: _Outlook, costs: Mapping[tuple[str, str], UnitCost]
) -> _Units:
    """The units of a step; one of no files is itself the unit, where it was ever paid for."""
    if name := _FILE_KIND.get(step.kind):
        return _files(run, name, outlook)
    if step.kind in _PLANNING:
        if step.kind not in outlook.asked:
            return _Units()
        return _Units(sure=("",)) if outlook.asked[step.kind] else _Units(likely=("",))
    if step.kind == "verified_build":
        # Every round corrects some files; whether one is needed is known when the first has been run.
        most = run.project.settings.repair_rounds_in_all * run.project.settings.repair_files
        return _Units(perhaps=(_NEW,) * most) if run.engine.asks_models(tasks.REPAIR_CODE) else _Units()
    if step.kind == "code_review":
        return _Units(perhaps=tuple(unit for asset, unit in costs if asset == step.kind))
    if step.kind == "sprint_plan" and run.engine.asks_models(tasks.SPRINT_GOALS):
        return _Units(sure=("",)) if step.certain else _Units(likely=("",))
    return _Units()


def _files(run: ProjectRun, name: FileKind, outlook: _Outlook) -> _Units:
    if outlook.plans is None:
        return _Units(perhaps=_made(run, name, plans_now(run.project)))
    asked, kept = _asked_files(run, name, outlook.plans)
    if outlook.is_known:
        return _Units(sure=asked, kept=kept)
    concerned = _concerned(name, outlook)
    likely = tuple(dict.fromkeys([*asked, *concerned]))
    rest = tuple(path for path in _made(run, name, outlook.plans) if path not in likely)
    # What is added is planned as a file or two, and shown by a test.
    touched = outlook.new + len(outlook.changed or ())
    is_new = name in ("source", "test")
    return _Units(
        likely=likely + (_NEW,) * (outlook.new if is_new else 0),
        perhaps=rest + (_NEW,) * (2 * touched if is_new else 0),
    )


def _asked_files(run: ProjectRun, name: FileKind, plans: Plans) -> tuple[tuple[str, ...], int]:
    """Files that somebody has to be asked for, and how many need nobody."""
    artifact, task = FILE_ARTIFACTS[name], FILE_TASKS[name]
    given = Plans(plans.architecture, plans.stories, plans.requirements, run.project.edited_files(artifact))
    copies = {file.path for file in plans.architecture.files if file.copy_of}
    asks = [ask for ask in file_asks(given, name) if ask.name not in copies]
    overrides = run.services.overrides
    if not (run.services.fresh or overrides.anew):
        asks = FileHistory(run.project, name, run.engine, overrides.only).with_earlier(asks, given)
    keys = {ask.name: run.engine.fingerprint(task, ask.question) for ask in asks}
    known = run.project.store.units.find(run.key, keys.values(), overrides.only)
    is_free = run.engine.asks_models(task)
    asked = tuple(
        ask.name
        for ask in asks
        if keys[ask.name] not in known
        and not (ask.earlier and ask.earlier.revise is None)
        # Of an engine that costs nothing every file that is made is told; a model makes no templates.
        and (not is_free or run.engine.asks_models(task, ask.question))
    )
    return asked, len(asks) + len(copies) - len(asked)


def _concerned(name: FileKind, outlook: _Outlook) -> tuple[str, ...]:
    """Files that serve requirements which a model is asked about."""
    plans, changed = outlook.plans, outlook.changed
    if plans is None or name not in ("source", "test"):
        return ()
    if name == "test":
        return tuple(
            story_test_path(story.id, story.title)
            for story in plans.stories.planned
            if changed is None or changed & set(story.requirements)
        )
    return tuple(
        file.path
        for file in plans.architecture.files
        if file.kind == "source" and file.interface and (changed is None or changed & set(file.requirements))
    )


def _reviewed(review: _Units, source: _Units) -> _Units:
    """Files are reviewed that have changed, and perhaps those that are built on them."""
    sure, likely = (
        (path for path in units if path.endswith(".py")) for units in (source.sure, source.likely)
    )
    found = _Units(likely=(*sure, *likely))
    rest = tuple(path for path in review.perhaps if path not in found.likely)
    new = (_NEW,) * sum(path == _NEW for path in source.perhaps)
    return _Units(likely=found.likely, perhaps=rest + new)


def _made(run: ProjectRun, name: FileKind, plans: Plans | None) -> tuple[str, ...]:
    """Paths of the files of a kind as they are, but for those that cost nothing."""
    artifact = FILE_ARTIFACTS[name]
    try:
        made = run.project.read(artifact, TestSuite if artifact == "test_suite" else FileSet)
    except ArtifactMissingError:
        return ()
    free = set()
    if plans is not None and run.engine.asks_models(FILE_TASKS[name]):
        free = {
            ask.name
            for ask in file_asks(plans, name)
            if not run.engine.asks_models(FILE_TASKS[name], ask.question)
        }
    return tuple(file.path for file in made.files if file.path not in free)


def _priced(
    run: ProjectRun, step: PlannedStep, units: _Units, costs: Mapping[tuple[str, str], UnitCost]
) -> Forecast:
    sure, likely, perhaps = (
        _sum(step.kind, part, costs) for part in (units.sure, units.likely, units.perhaps)
    )
    expected = UnitCost.total([sure, likely])
    return Forecast(
        step, units.sure, units.likely, units.perhaps, units.kept, sure, expected,
        UnitCost.total([expected, perhaps]),
    )  # fmt: skip


def _sum(artifact: str, units: Sequence[str], costs: Mapping[tuple[str, str], UnitCost]) -> UnitCost:
    """What units cost when they were made last; one that never was costs as much as the others on average."""
    known = [cost for (asset, _), cost in costs.items() if asset == artifact]
    # What was never repaired or reviewed costs about what a file has cost.
    usual = UnitCost.mean(known or [cost for (asset, _), cost in costs.items() if asset == "source_code"])
    return UnitCost.total([costs.get((artifact, unit), usual) for unit in units])
