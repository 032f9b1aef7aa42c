"""What people are to decide in runs of workflows: their inbox, and deciding."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from hishamos_pipeline.application.rights import require, requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.workflows.approvals import Person, refusal
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.workflows.records import HumanTask


class DecideTask(UseCaseInput):
    """A decision: ``approve``, ``reject``, or ``changes``, which sends the run back where its workflow says so."""

    task: int
    decision: Literal["approve", "reject", "changes"]
    comment: str = Field("", max_length=4000)
    form: Mapping[str, Any] = Field(default_factory=dict)


class HumanDecisionView(View):
    """What somebody has decided."""

    person: str
    decision: str
    comment: str
    form: dict[str, Any]
    via: str
    at: datetime


class HumanTaskView(View):
    """Something that people are to decide.

    ``fields`` are those of its form with their types; ``shown`` are the artifacts that it is about, each with the hash
    of its content when it was asked; ``is_mine`` says whether whoever looks may decide it.
    """

    id: int
    run: int
    workflow: str
    project: str
    step: str
    title: str
    question: str
    approvers: tuple[str, ...]
    needed: int
    fields: dict[str, str]
    shown: dict[str, str]
    may_ask_for_changes: bool
    state: str
    decision: str
    is_mine: bool
    opened_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    decisions: tuple[HumanDecisionView, ...]


@requires("projects.read")
def inbox(services: Services, actor: Actor) -> tuple[HumanTaskView, ...]:
    """What waits for a decision of the actor, the oldest first."""
    found = [_view(services, actor, task) for task in services.store.human_tasks.open_tasks()]
    name = actor.name.casefold()
    return tuple(
        task
        for task in found
        if task.is_mine and name not in {one.person.casefold() for one in task.decisions}
    )


@requires("projects.read")
def show_human_task(services: Services, actor: Actor, task: int) -> HumanTaskView:
    """What people are to decide, with what was decided of it.

    Raises:
        ArtifactMissingError: there is no such task.
    """
    return _view(services, actor, services.store.human_tasks.get(task))


@requires("projects.read")
def decide(services: Services, actor: Actor, command: DecideTask) -> HumanTaskView:
    """Decide; the run goes on at once if that was the last decision it waits for.

    Raises:
        ArtifactMissingError: there is no such task.
        ForbiddenError: the actor is none of those who may decide it.
        InputError: the form is not filled in well, or the run cannot go back.
        ChangedMeanwhileError: it is decided or closed, or the actor has decided already.
    """
    about = services.store.human_tasks.get(command.task)
    require(services, actor, "workflows.decide", about.project)
    found = services.store.human_tasks.decide(
        command.task, command.decision, _person(services, actor), comment=command.comment, form=command.form
    )
    return _view(services, actor, found)


def _person(services: Services, actor: Actor) -> Person:
    """Whoever decides; only people do, and neither agents nor service accounts."""
    is_person = actor.kind == "user" and (
        not actor.user_id or services.store.users.get(actor.user_id).kind == "person"
    )
    return Person(actor.name, actor.role) if is_person else Person("")


def _view(services: Services, actor: Actor, task: HumanTask) -> HumanTaskView:
    asked = task.asked
    return HumanTaskView.of(
        task,
        run=task.run_id,
        step=task.key,
        approvers=(*asked.approvers, *(asked.escalate if task.is_escalated else ())),
        needed=asked.needed,
        fields={name: spec.type for name, spec in asked.form.items()},
        shown=dict(asked.shown),
        may_ask_for_changes=asked.may_ask_for_changes,
        is_mine=task.state == "open"
        and not refusal(asked, _person(services, actor), is_escalated=task.is_escalated),
        decisions=tuple(
            HumanDecisionView.of(one, form=json.loads(one.form))
            for one in services.store.human_tasks.decisions(task.id)
        ),
    )
