"""What a build would make, unit by unit, and what that would cost if each unit cost what it cost last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    FileKind,
    FileSet,
    Requirements,
    Stories,
    TestSuite,
)
from hishamos_pipeline.core.pipeline.staleness import PlannedStep
from hishamos_pipeline.errors import ArtifactMissingError, HishamosError
from hishamos_pipeline.generation.file_asks import (
    FILE_ARTIFACTS,
    FILE_TASKS,
    Plans,
    file_asks,
)
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.store.calls.records import UnitCost

_PLANNING: Mapping[str, Task[Any, Any]] = {
    "idea": tasks.REQUIREMENTS,
    "requirements": tasks.REQUIREMENTS,
    "architecture": tasks.ARCHITECTURE,
    "stories": tasks.STORIES,
}
_FILE_KIND: Mapping[str, FileKind] = {artifact: name for name, artifact in FILE_ARTIFACTS.items()}


@dataclass(frozen=True, slots=True)
class Forecast:
    """A step of a build: what of it would be made, and for how much.

    ``units`` will be made; ``perhaps`` only if something that they are built on comes out differently; ``kept`` is how
    many are taken as they are. Calls, tokens and US dollars are those of ``units`` alone, ``most`` also of ``perhaps``.
    """

    step: PlannedStep
    units: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    kept: int = 0
    calls: float = 0
    tokens: float = 0
    cost_usd: float = 0.0
    most_usd: float = 0.0


async def forecast(run: ProjectRun) -> list[Forecast]:
    """The steps of the next build with their units and costs; nothing is made, and no model is asked."""
    costs = run.project.store.calls.unit_costs(run.key)
    steps = run.plan()
    plans = await _foreseen(run, {step.kind for step in steps})
    return [_step(run, step, costs, plans) for step in steps]


async def _foreseen(run: ProjectRun, kinds: set[str]) -> "Plans | None":
    """Architecture and stories as they are or will be; ``None`` where a model would have to be asked for them."""
    try:
        if not kinds & _PLANNING.keys():
            return _made_plans(run)
        if any(run.engine.asks_models(task) for task in _PLANNING.values()):
            return None
        wanted = await run.runner.preview("requirements", {"idea": run.project.idea()})
        given = {"requirements": wanted}
        return Plans(
            await run.runner.preview("architecture", given),
            await run.runner.preview("stories", given),
            wanted,
        )
    except HishamosError:  # what a build would fail at: it says so then
        return None


def _made_plans(run: ProjectRun) -> "Plans | None":
    try:
        return Plans(
            run.project.read("architecture", Architecture),
            run.project.read("stories", Stories),
            run.project.read("requirements", Requirements),
        )
    except ArtifactMissingError:
        return None


def _step(
    run: ProjectRun, step: PlannedStep, costs: Mapping[tuple[str, str], UnitCost], plans: Plans | None
) -> Forecast:
    name = _FILE_KIND.get(step.kind)
    if name is not None:
        now = plans or (_made_plans(run) if step.certain else None)
        if now is not None:
            units, kept = _files(run, name, now)
            perhaps: tuple[str, ...] = ()
            if plans is None:  # the plan itself may come out differently, and with it all other files
                perhaps, kept = tuple(sorted({*_made(run, step.kind)} - {*units})), 0
        else:  # its inputs may change: then any of its files may
            units, perhaps, kept = (), tuple(sorted(_made(run, step.kind))), 0
    elif step.kind in ("verified_build", "code_review"):
        units, kept = (), 0
        perhaps = (
            tuple(unit for asset, unit in costs if asset == step.kind) if step.kind == "code_review" else ()
        )
    else:
        asked = (step.kind, "") in costs
        units, perhaps, kept = (("",), (), 0) if asked and step.certain else ((), ("",) if asked else (), 0)
    sure, more = _sum(step.kind, units, costs), _sum(step.kind, perhaps, costs)
    return Forecast(
        step, units, perhaps, kept, sure.calls, sure.tokens, sure.cost_usd, sure.cost_usd + more.cost_usd
    )


def _files(run: ProjectRun, name: FileKind, plans: Plans) -> tuple[tuple[str, ...], int]:
    """Files that have to be made, and how many stay."""
    asks = file_asks(plans, name)
    plans = replace(plans, edited=run.project.edited_files(FILE_ARTIFACTS[name]))
    copies = {file.path for file in plans.architecture.files if file.copy_of}
    keys = {
        ask.name: run.engine.fingerprint(FILE_TASKS[name], ask.question)
        for ask in asks
        if ask.name not in copies
    }
    known = run.project.store.units.find(run.key, keys.values(), run.services.overrides.only)
    units = tuple(path for path, key in keys.items() if key not in known)
    return units, len(asks) - len(units)


def _made(run: ProjectRun, artifact: str) -> tuple[str, ...]:
    """Paths of the files of a kind as they are."""
    try:
        made = run.project.read(artifact, TestSuite if artifact == "test_suite" else FileSet)
    except ArtifactMissingError:
        return ()
    return tuple(file.path for file in made.files)


def _sum(artifact: str, units: Sequence[str], costs: Mapping[tuple[str, str], UnitCost]) -> UnitCost:
    """What units cost when they were made last; one that never was costs as much as the others on average."""
    known = [cost for (asset, _), cost in costs.items() if asset == artifact]
    usual = UnitCost.mean(known)
    return UnitCost.total([costs.get((artifact, unit), usual) for unit in units])
