"""What steps wait for outside: it is looked at again and again, whatever has told of it, so that nothing is missed."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hishamos_pipeline.application import builds
from hishamos_pipeline.core.actor import INSTALLATION
from hishamos_pipeline.core.artifacts.documents import VerifiedBuild
from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.core.workflows.expressions import ExpressionError, is_true
from hishamos_pipeline.core.workflows.states import Event, Failed, Succeeded
from hishamos_pipeline.errors import ArtifactMissingError, ProjectNotFoundError, StorageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.events.records import Event as ProjectEvent
from hishamos_pipeline.store.workflows.records import HumanTask, WaitingStep

log = logging.getLogger("hishamos.workflows")
_EVENTS_AT_ONCE = 1000


def tick(services: Services, runs: builds.Runs | None = None, *, limit: int = 200) -> int:
    """One bounded look at what runs wait for: time, lost workers, requests, events, people; how many have moved.

    Args:
        services: of the installation.
        runs: the runs of Dagster; what a cancelled step has begun there is ended if they are given.
        limit: how many of each are looked at.
    """
    store = services.store.workflow_runs
    moved = store.tick(limit)
    for waiting in store.waiting(limit):
        with _alone(f"step {waiting.step.key} of run {waiting.run_id} cannot go on"):
            event = _event_of(services, waiting)
            if event is not None:
                store.happen(waiting.run_id, event)
                moved += 1
    if runs is not None:
        _take_back(services, runs, limit)
    _tell_people(services, limit)
    return moved


@contextmanager
def _alone(otherwise: str) -> Iterator[None]:
    """Have what is wrong with one of many stop none of the others."""
    try:
        yield
    except StorageError:  # the store is away for all of them
        raise
    except Exception:
        log.exception("%s", otherwise)


def _event_of(services: Services, waiting: WaitingStep) -> Event | None:
    """What has become of what a step waits for; ``None`` while it is open."""
    try:
        match waiting.step.waits_for.get("kind"):
            case "build":
                return _build_ended(services, waiting)
            case "export":
                return _export_ended(services, waiting)
        return _event_came(services, waiting) if waiting.type == "wait_for_event" else None
    except (ArtifactMissingError, ProjectNotFoundError) as error:
        return Failed(waiting.step.key, waiting.step.attempt, "error", str(error))


def _build_ended(services: Services, waiting: WaitingStep) -> Event | None:
    step, asked = waiting.step, waiting.step.waits_for
    request = services.store.builds.get(asked["request"])
    if request.status in ("requested", "running"):
        return None
    spent = services.store.calls.spent(asked["project"])
    usd = max(0.0, spent.cost_usd - asked["usd"])
    tokens = max(0, spent.input_tokens + spent.output_tokens - asked["tokens"])
    state = services.store.projects.get(asked["project"]).state
    if request.status != "completed":
        said = f"the build of {asked['project']} {request.status}: {request.reason}"
        return Failed(step.key, step.attempt, "error", said, usd, tokens)
    build = services.store.artifacts.before(asked["project"], "verified_build", VerifiedBuild)
    outputs = {
        "project_state": state,
        "verified": build is not None and build.passed,
        "stories_verified": list(build.stories_verified) if build else [],
        "cost_usd": usd,
    }
    return Succeeded(step.key, step.attempt, outputs, usd, tokens)


def _export_ended(services: Services, waiting: WaitingStep) -> Event | None:
    step, asked = waiting.step, waiting.step.waits_for
    request = services.store.export_requests.all_standing(asked["project"]).get(asked["to"])
    if request is None:
        return Failed(step.key, step.attempt, "error", f"the export to {asked['to']} was taken back")
    if request.status == "requested":
        return None
    if request.status == "failed":
        return Failed(step.key, step.attempt, "error", request.error)
    done = [e for e in services.store.deliveries.exports(asked["project"]) if e.type == asked["to"]]
    return Succeeded(step.key, step.attempt, {"url": done[0].url if done else ""})


def _event_came(services: Services, waiting: WaitingStep) -> Event | None:
    """The first event since a step began to wait that its filter holds for."""
    given = waiting.step.given
    store, after = services.store.events, waiting.since_event
    only = waiting.only_project
    while found := store.after(after, _EVENTS_AT_ONCE, project=only, kinds=[str(given["event"])]):
        for event in found:
            if event.organization_id == waiting.organization_id and _holds(given.get("filter"), event):
                return Succeeded(waiting.step.key, waiting.step.attempt, {"event": _told(event)})
        after = found[-1].id
    if after != waiting.since_event:
        services.store.workflow_runs.saw_events(waiting.run_id, waiting.step.attempt, after)
    return None


def _holds(text: object, event: ProjectEvent) -> bool:
    try:
        return text is None or is_true(str(text), {"event": "map"}, {"event": _told(event)})
    except ExpressionError:  # it speaks of what this event does not tell
        return False


def _told(event: ProjectEvent) -> dict[str, Any]:
    """An event as filters see it: what it tells, below what it is."""
    facts = {"kind": event.kind, "project": event.project, "subject": event.subject, "actor": event.actor}
    return {**event.payload, **facts, "at": event.at.isoformat()}


def _take_back(services: Services, runs: builds.Runs, limit: int) -> None:
    """End what cancelled steps have asked for."""
    store = services.store.workflow_runs
    for run_id, number, asked in store.stopping(limit):
        with _alone(f"what run {run_id} has asked for cannot be taken back"):
            if asked.get("is_ours", True) and not store.is_awaited(asked):
                _withdraw(services, runs, asked)
        store.stopped(run_id, number)


def _withdraw(services: Services, runs: builds.Runs, asked: Mapping[str, Any]) -> None:
    try:
        if asked.get("kind") == "build":
            request = services.store.builds.get(asked["request"])
            if request.status in ("requested", "running"):
                builds.cancel(services, INSTALLATION, runs, asked["project"])
        elif asked.get("kind") == "export":
            services.store.export_requests.withdraw(asked["project"], asked["to"])
    except (ArtifactMissingError, ProjectNotFoundError) as error:
        log.info("nothing to take back of %s: %s", canonical_json(dict(asked)), error)


def _tell_people(services: Services, limit: int) -> None:
    """Tell channels of what people are to decide: when it is asked, and each time that it is recalled."""
    store = services.store
    for task in store.human_tasks.to_tell(limit):
        store.notifications.add(
            f"human-task-{task.id}-{task.calls}",
            services.settings.notify,
            event="workflow.decision_wanted",
            project=task.project,
            run_id=f"workflow-{task.run_id}",
            step=task.key,
            reason=" ".join(_sentences(task)),
        )
        store.human_tasks.told(task.id, task.calls)


def _sentences(task: HumanTask) -> Iterator[str]:
    again = "Still open: " if task.calls > 1 else ""
    yield f"{again}{task.title} waits for a decision of {', '.join(task.asked.approvers)}."
    if task.is_escalated:
        yield f"Nobody has decided in time: {', '.join(task.asked.escalate)} may, too."
    if task.expires_at:
        yield f"It is open until {task.expires_at:%Y-%m-%d %H:%M} UTC."
    yield f"hishamos workflows decide {task.id}"
