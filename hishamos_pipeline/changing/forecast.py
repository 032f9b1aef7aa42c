"""What a build would make, unit by unit, and what that would cost if each unit cost what it cost last.

``certain`` follows from what there is by the very rules that a build goes by. ``likely`` and ``at most`` are told where
a model has to be asked first: what it is asked about is taken to change what serves it, and at most all.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.changing.outlook import PLANNING, Outlook, foresee, preview, recalling
from hishamos_pipeline.core.artifacts.documents import FileKind
from hishamos_pipeline.core.pipeline.staleness import PlannedStep
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.errors import HishamosError, ReplayError
from hishamos_pipeline.generation.file_asks import FILE_ARTIFACTS, FILE_TASKS, Plans, file_asks
from hishamos_pipeline.generation.file_history import FileHistory
from hishamos_pipeline.generation.plans import plans_now
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.store.calls.records import UnitCost
from hishamos_pipeline.store.forecasts.records import Foretold

log = logging.getLogger("hishamos.changing")
_FILE_KIND: Mapping[str, FileKind] = {artifact: name for name, artifact in FILE_ARTIFACTS.items()}
# What is asked for because of something new that no file serves yet.
_NEW = "(new)"
_NOTHING = UnitCost()
# States of a project whose build came to its end.
_BUILT = frozenset({"verified", "exported"})


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


async def forecast(run: ProjectRun) -> list[Forecast]:
    """The steps of the next build with their units and costs; nothing is made, and no model is asked."""
    costs = run.project.store.calls.unit_costs(run.key)
    steps = run.plan()
    outlook = await foresee(run, {step.kind for step in steps})
    found = {step.kind: _units(run, step, outlook, costs) for step in steps}
    if "sprint_plan" in found:
        found["sprint_plan"] = await _goals(run, outlook)
    if "code_review" in found:
        found["code_review"] = _reviewed(found["code_review"], found.get("source_code", _Units()))
    return [_priced(run, step, found[step.kind], costs) for step in steps]


async def keep_forecast(run: ProjectRun, run_id: str) -> None:
    """Keep what a build that begins is foretold to cost, so that it can be held against what happens.

    Nothing is foretold of a project that no model has worked for: there is nothing to tell it by. A forecast that
    cannot be made stops no build.
    """
    forecasts = run.project.store.forecasts
    try:
        if forecasts.has(run.key, run_id) or not run.project.store.calls.unit_costs(run.key):
            return
        told = {
            item.step.kind: Foretold(item.certain, item.expected, item.most) for item in await forecast(run)
        }
        forecasts.add(run.key, run_id, told)
    except Exception as error:  # whatever it is: the build does not need it
        log.warning("%s: what the build will cost could not be foretold: %s", run.key, error)


def end_forecast(run: ProjectRun, run_id: str) -> None:
    """Keep what a build has cost; one that got stuck has not been what was foretold, and stays open."""
    store = run.project.store
    try:
        if store.projects.get(run.key).state in _BUILT:
            store.forecasts.end(run.key, run_id)
    except Exception as error:  # whatever it is: all has been made
        log.warning("%s: what the build has cost could not be kept: %s", run.key, error)


def _units(
    run: ProjectRun, step: PlannedStep, outlook: Outlook, costs: Mapping[tuple[str, str], UnitCost]
) -> _Units:
    """The units of a step; one of no files is itself the unit, where it was ever paid for."""
    if name := _FILE_KIND.get(step.kind):
        return _files(run, name, outlook)
    if step.kind in PLANNING:
        if step.kind not in outlook.asked:
            return _Units(perhaps=("",) * ("requirements" in outlook.asked))
        return _Units(sure=("",)) if outlook.asked[step.kind] else _Units(likely=("",))
    if step.kind == "verified_build":
        # Every round corrects some files; whether one is needed is known when the first has been run.
        most = run.project.settings.repair_rounds_in_all * run.project.settings.repair_files
        return _Units(perhaps=(_NEW,) * most) if run.engine.asks_models(tasks.REPAIR_CODE) else _Units()
    if step.kind == "code_review":
        return _Units(perhaps=tuple(unit for asset, unit in costs if asset == step.kind))
    return _Units()


async def _goals(run: ProjectRun, outlook: Outlook) -> _Units:
    """Goals of sprints are asked for where titles of stories have changed."""
    if not run.engine.asks_models(tasks.SPRINT_GOALS):
        return _Units()
    if outlook.plans is None or "stories" in outlook.asked:
        return _Units(likely=("",)) if outlook.new or outlook.changed is None else _Units(perhaps=("",))
    try:
        await preview(recalling(run), "sprint_plan", {"stories": outlook.plans.stories})
    except ReplayError:
        return _Units(sure=("",))
    except HishamosError:  # what a build would fail at: it says so then
        return _Units()
    return _Units(perhaps=("",) * ("requirements" in outlook.asked))


def _files(run: ProjectRun, name: FileKind, outlook: Outlook) -> _Units:
    if outlook.plans is None:
        return _Units(perhaps=_made(run, name, plans_now(run.project)))
    asked, kept = _asked_files(run, name, outlook.plans)
    if outlook.is_known:
        return _Units(sure=asked, kept=kept)
    concerned = _concerned(name, outlook)
    likely = tuple(dict.fromkeys([*asked, *concerned]))
    rest = tuple(path for path in _made(run, name, outlook.plans) if path not in likely)
    if name == "docs" and (outlook.new or outlook.called):  # they name stories, commands and files
        return _Units(likely=(*likely, *rest))
    if name not in ("source", "test"):
        return _Units(likely=likely, perhaps=rest)
    # What is added is planned as a file or two, and shown by a test; tests of known stories are asked for already.
    new = outlook.new if name == "source" or "stories" in outlook.asked else 0
    touched = outlook.new + len(outlook.changed or ())
    return _Units(likely=likely + (_NEW,) * new, perhaps=rest + (_NEW,) * (2 * touched))


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


def _concerned(name: FileKind, outlook: Outlook) -> tuple[str, ...]:
    """Files that serve requirements which a model is asked about."""
    plans, changed = outlook.plans, outlook.changed
    if plans is None or name not in ("source", "test"):
        return ()
    if name == "test" and "stories" not in outlook.asked:
        return ()  # which of them change is known
    if name == "test":
        return tuple(
            story_test_path(story.id, story.title)
            for story in plans.stories.planned
            if changed is None or changed & set(story.requirements)
        )
    files = [file for file in plans.architecture.files if file.kind == "source" and file.interface]
    called = {file.path for file in files if outlook.called & set(file.requirements)}
    return tuple(
        file.path
        for file in files
        if changed is None or changed & set(file.requirements) or called & set(file.depends_on)
    )


def _reviewed(review: _Units, source: _Units) -> _Units:
    """Files are reviewed that have changed, and perhaps those that are built on them."""
    sure, likely = (
        (path for path in units if path == _NEW or path.endswith(".py"))
        for units in (source.sure, source.likely)
    )
    found = _Units(likely=(*sure, *likely))
    rest = tuple(path for path in review.perhaps if path not in found.likely)
    new = (_NEW,) * sum(path == _NEW for path in source.perhaps)
    return _Units(likely=found.likely, perhaps=rest + new)


def _made(run: ProjectRun, name: FileKind, plans: Plans | None) -> tuple[str, ...]:
    """Paths of the files of a kind as they are, but for those that cost nothing."""
    free = set()
    if plans is not None and run.engine.asks_models(FILE_TASKS[name]):
        free = {
            ask.name
            for ask in file_asks(plans, name)
            if not run.engine.asks_models(FILE_TASKS[name], ask.question)
        }
    return tuple(file.path for file in run.project.files(FILE_ARTIFACTS[name]) if file.path not in free)


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
