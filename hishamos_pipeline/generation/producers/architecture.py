"""From requirements to the architecture: from scratch, or only as far as requirements have changed."""

from collections.abc import Collection, Sequence

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import ArchitectureRevision, ComponentRequest, PlanningRequest
from hishamos_pipeline.authoring.planning import completed, without_requirements
from hishamos_pipeline.core.artifacts.brief import excerpt, not_taken_up
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Component,
    PlanFault,
    Requirements,
)
from hishamos_pipeline.core.artifacts.prescriptions import Prescriptions
from hishamos_pipeline.core.artifacts.scope import in_scope, put_off_examples
from hishamos_pipeline.errors import AnswerError, PlanningError, UnbuildableError
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.producers.requirement_changes import changed_requirements
from hishamos_pipeline.generation.units import Ask


async def design(step: StepContext) -> Architecture:
    """The plan; a model is asked what changed requirements, or faults of it, change, and the rest stays."""
    wanted, waiting = step.read("requirements", Requirements), step.waiting()
    plan = with_unchecked(await _plan(step, wanted, waiting), wanted)
    if not waiting:
        return plan.model_copy(update={"waiting": ()})
    later = tuple(
        f"The example {item.title!r} is run when the stories that wait are built."
        for item in put_off_examples(wanted, waiting)
    )
    return plan.model_copy(update={"waiting": waiting, "unchecked": (*plan.unchecked, *later)})


def with_unchecked(plan: Architecture, wanted: Requirements) -> Architecture:
    """The plan with what no test and no check will show: rules of the brief, and sections that nothing takes up."""
    missed = tuple(f"{title}: no requirement takes this section up." for title in not_taken_up(wanted))
    return plan.model_copy(update={"unchecked": (*wanted.unchecked_rules, *missed)})


async def _plan(step: StepContext, every: Requirements, waiting: Collection[str]) -> Architecture:
    found = revision(step, every, waiting)
    if found is None:
        wanted = in_scope(every, waiting)
        plan = await step.ask(tasks.ARCHITECTURE, PlanningRequest(requirements=wanted, brief=excerpt(wanted)))
        return await _with_components(step, plan, wanted) if plan.components else plan
    if isinstance(found, Architecture):
        return found
    try:
        return await step.ask(tasks.REVISE_ARCHITECTURE, found)
    except (AnswerError, UnbuildableError):
        if found.changed:
            raise
        return found.architecture  # no valid answer: what can be verified without one is delivered


def revision(
    step: StepContext, every: Requirements, waiting: Collection[str]
) -> ArchitectureRevision | Architecture | None:
    """What is asked of changed requirements, or of faults; or the plan where neither is there; ``None``: all anew."""
    earlier = step.earlier_with(Architecture, "requirements", Requirements)
    if not step.asks_models(tasks.ARCHITECTURE) or (before := next(earlier, None)) is None:
        return None
    is_read = step.asks_models(tasks.REVISE_REQUIREMENTS)
    changed = _changed(*before, every, waiting, is_read=is_read)
    if changed != set():  # an earlier plan may be of what is said again, as after a change and its opposite
        for plan, made_from in earlier:
            if _changed(plan, made_from, every, waiting, is_read=is_read) == set():
                return _without_gone(plan, every)
    if changed is None:
        return None
    faults = step.plan_faults()
    if not changed and not faults:
        return _without_gone(before[0], every)
    plan = before[0].model_copy(update={"faults_found": tuple(f"{f.path}: {f.reason}" for f in faults)})
    wanted = in_scope(every, waiting)
    return ArchitectureRevision(
        architecture=plan,
        requirements=wanted,
        changed=tuple(sorted(changed)),
        former=before[1].requirements,
        faults=faults,
        brief=excerpt(wanted, changed | _served(plan, faults)),
    )


def _changed(
    plan: Architecture, before: Requirements, now: Requirements, waiting: Collection[str], *, is_read: bool
) -> set[str] | None:
    """What has changed of the requirements in scope, those that have come into it among them; ``None`` where all is
    better planned anew, as where something planned is to wait, or a file that it copies was taken back.
    """
    changed = changed_requirements(before, now, is_read=is_read)
    known, wanted = ({item.id for item in r.requirements} for r in (before, now))
    planned = known - set(plan.waiting)
    handed = {file.path for file in now.files}
    lacks_copy = any(file.copy_of and file.copy_of not in handed for file in plan.files)
    if changed is None or lacks_copy or planned & wanted & set(waiting):
        return None
    return (changed | (wanted - planned)) - set(waiting)


def _served(plan: Architecture, faults: Sequence[PlanFault]) -> set[str]:
    """The requirements that files at fault are about."""
    paths = {fault.path for fault in faults}
    return {name for file in plan.files if file.path in paths for name in file.requirements}


async def _with_components(step: StepContext, outline: Architecture, wanted: Requirements) -> Architecture:
    """The second level of a large plan: the files of all components, asked for at the same time.

    Raises:
        PlanningError: they do not fit together.
    """
    asks = [Ask(item.name, _component_request(outline, item, wanted)) for item in outline.components]
    answers = await step.units.make(tasks.COMPONENT, asks)
    files = tuple(file for item in outline.components for file in answers[item.name].files)
    whole = outline.model_copy(update={"files": (*outline.files, *files), "entry": ""})
    try:
        return completed(whole, outline.entry, wanted)
    except ValueError as error:
        raise PlanningError(f"the components of the plan do not fit together: {error}", ()) from None


def _component_request(outline: Architecture, item: Component, wanted: Requirements) -> ComponentRequest:
    mine = tuple(
        one for one in wanted.requirements if one.id in item.requirements or one.kind != "functional"
    )
    return ComponentRequest(
        requirements=wanted.model_copy(
            update={"requirements": mine, "brief": (), "prescriptions": Prescriptions()}
        ),
        # Of the other components it is shown those alone that it needs.
        architecture=outline,
        component=item.name,
        brief=excerpt(wanted, item.requirements),
    )


def _without_gone(plan: Architecture, wanted: Requirements) -> Architecture:
    """The plan without requirements that are gone, and with what is only handed on."""
    known = {item.id for item in wanted.requirements}
    files = without_requirements(plan.files, known)
    facts = {"summary": wanted.summary, "data_model": wanted.entities, "prescriptions": wanted.prescriptions}
    return plan.model_copy(update={"files": files, **facts})
