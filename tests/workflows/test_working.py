"""What steps do, who does them with which rights, and what they wait for."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.application import organizations, workflow_definitions, workflow_runs
from hishamos_pipeline.application.workflow_definitions import CheckWorkflow
from hishamos_pipeline.application.workflow_runs import StartWorkflow, WorkflowRunDetails
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.channel import LogChannel
from hishamos_pipeline.errors import ArtifactMissingError, ForbiddenError, InputError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workflows import step_handlers
from hishamos_pipeline.workflows.step_handlers import Done, StepWork
from hishamos_pipeline.workflows.waiting import tick
from hishamos_pipeline.workflows.working import StepWorker
from tests.fakes.run_history import FakeRuns
from tests.support.people import OPERATOR

pytestmark = pytest.mark.slow
NOTICE = "workflow: told\nsteps:\n- {id: a, type: notify, with: {subject: Look, text: here}}\n"
BUILD = (
    "workflow: built\ninputs: {project: {type: string, required: true}}\n"
    "outputs: {state: steps.b.project_state, verified: steps.b.verified}\n"
    "steps:\n- {id: b, type: build_project, with: {project: '${{ inputs.project }}'}}\n"
)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """An installation with the project `notes` and two channels."""
    channels = {"ops": LogChannel(kind="log"), "team": LogChannel(kind="log")}
    made = Services(Settings(home=tmp_path / "home", notify=channels), actor=OPERATOR)
    made.store.projects.submit(Idea(key="notes", title="notes"), "test")
    yield made
    made.close()


def publish(services: Services, text: str) -> str:
    """A workflow that is published; its name."""
    made = workflow_definitions.save_workflow(services, OPERATOR, CheckWorkflow(text=text))
    workflow_definitions.publish_workflow(services, OPERATOR, made.name, made.number)
    return made.name


def start(services: Services, text: str, actor: Actor = OPERATOR, **given: Any) -> WorkflowRunDetails:
    command = StartWorkflow(workflow=publish(services, text), **given)
    return workflow_runs.start_workflow(services, actor, command)


def work(services: Services, times: int = 20) -> int:
    """Do what is ready; how many steps."""

    async def do() -> int:
        worker = StepWorker(services, "test", does_heavy=True, beat_seconds=0.05)
        done = 0
        while done < times and await worker.do_next():
            done += 1
        return done

    return asyncio.run(do())


def shown(services: Services, run: WorkflowRunDetails) -> WorkflowRunDetails:
    return workflow_runs.show_workflow_run(services, OPERATOR, run.id)


def test_channels_are_told_once(services: Services) -> None:
    run = start(services, NOTICE)
    assert work(services) == 1 and shown(services, run).state == "succeeded"
    due = services.store.notifications.due(10)
    assert [(n.channel, n.reason) for n in due] == [("ops", "Look: here"), ("team", "Look: here")]


def test_a_channel_that_there_is_not_is_named(services: Services) -> None:
    run = start(services, NOTICE.replace("text: here", "channels: [nowhere]"))
    work(services)
    assert "HISHAMOS_NOTIFY names no channel nowhere" in shown(services, run).failure


def test_a_build_is_asked_for_and_waited_for(services: Services) -> None:
    run = start(services, BUILD, inputs={"project": "notes"})
    assert run.project == "notes", "an input of that name says what the run is about"
    work(services)
    assert shown(services, run).state == "waiting" and tick(services) == 0
    (request,) = services.store.builds.requested(10)
    services.store.projects.set_state("notes", "building")
    services.store.projects.set_state("notes", "verified")
    assert services.store.builds.get(request.id).status == "completed"
    assert tick(services) == 1
    found = shown(services, run)
    assert found.state == "succeeded" and found.outputs == {"state": "verified", "verified": False}


def test_a_build_that_fails_fails_its_step(services: Services) -> None:
    run = start(services, BUILD, inputs={"project": "notes"})
    work(services)
    services.store.builds.cancel("notes", "nobody wants it")
    tick(services)
    assert "the build of notes cancelled: nobody wants it" in shown(services, run).failure


def test_a_build_that_somebody_else_has_asked_for_is_not_taken_back(services: Services) -> None:
    run = start(services, BUILD, inputs={"project": "notes"})
    work(services)
    workflow_runs.cancel_workflow_run(services, OPERATOR, run.id)
    tick(services, FakeRuns())
    assert len(services.store.builds.requested(10)) == 1, "whoever has submitted the idea wants it built"


def test_a_cancelled_step_takes_its_build_back(services: Services) -> None:
    services.store.builds.cancel("notes")
    run = start(services, BUILD, inputs={"project": "notes"})
    work(services)
    workflow_runs.cancel_workflow_run(services, OPERATOR, run.id, "no")
    runs = FakeRuns(working={"notes"})
    tick(services, runs)
    assert services.store.builds.requested(10) == [] and not runs.working
    with pytest.raises(UsageError, match="has ended: it is cancelled"):
        workflow_runs.pause_workflow_run(services, OPERATOR, run.id)


def test_an_event_is_waited_for(services: Services) -> None:
    services.store.builds.add("notes")
    run = start(
        services,
        "workflow: w\noutputs: {who: steps.e.event}\nsteps:\n- {id: e, type: wait_for_event, "
        "with: {event: build.cancelled, filter: \"event.project == 'notes'\"}}\n",
    )
    assert tick(services) == 0, "what has happened before does not count"
    services.store.builds.cancel("notes", "x")
    assert tick(services) == 1
    assert shown(services, run).outputs["who"]["project"] == "notes"


def test_people_are_told_of_what_they_are_to_decide(services: Services) -> None:
    start(
        services,
        "workflow: g\nsteps:\n- {id: a, type: human_approval, with: {approvers: [ann], expires: 1d}}\n",
    )
    tick(services)
    tick(services)
    (said, _) = [n.reason for n in services.store.notifications.due(10)]
    assert said.startswith("g: a waits for a decision of ann.") and said.endswith(
        "hishamos workflows decide 1"
    )


def test_a_step_is_done_with_the_rights_that_its_owner_has_then(services: Services) -> None:
    user = services.store.users.add("dora@example.org")
    services.acting_as(OPERATOR).store.organizations.set_role(user.id, "developer")
    dora = Actor("dora@example.org", role="developer", user_id=user.id)
    run = start(services, BUILD, dora, inputs={"project": "notes"})
    assert run.owner == "user:dora@example.org"
    services.acting_as(OPERATOR).store.organizations.set_role(user.id, "viewer")
    work(services)
    assert "projects.build takes the role developer" in shown(services, run).failure
    again = start(services, BUILD, dora, inputs={"project": "notes"})
    services.store.users.change(user.id, is_active=False)
    work(services)
    assert "is switched off" in shown(services, again).failure


def test_what_a_draft_says_is_not_run_by_everybody(services: Services) -> None:
    made = workflow_definitions.save_workflow(services, OPERATOR, CheckWorkflow(text=NOTICE))
    with pytest.raises(ArtifactMissingError, match="no published version"):
        workflow_runs.start_workflow(services, OPERATOR, StartWorkflow(workflow="told"))
    developer = replace(OPERATOR, superuser=False, role="developer")
    draft = StartWorkflow(workflow="told", version=made.number)
    with pytest.raises(ForbiddenError, match=r"workflows.publish takes the role manager"):
        workflow_runs.start_workflow(services, developer, draft)
    assert workflow_runs.start_workflow(services, OPERATOR, draft).version == 1
    workflow_definitions.publish_workflow(services, OPERATOR, "told", 1)
    assert workflow_runs.start_workflow(services, developer, StartWorkflow(workflow="told")).version == 1
    workflow_definitions.retire_workflow(services, OPERATOR, "told", 1)
    with pytest.raises(ArtifactMissingError):
        workflow_runs.start_workflow(services, OPERATOR, draft)


def test_inputs_are_checked_all_at_once(services: Services) -> None:
    with pytest.raises(InputError) as error:
        start(services, BUILD, inputs={"projekt": 3})
    assert dict(error.value.problems) == {
        "inputs.projekt": "is no input; did you mean 'project'?", "inputs.project": "has to be given",
    }  # fmt: skip


def test_a_step_that_is_cancelled_while_it_is_done_stops(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(services, NOTICE)
    stopped: list[str] = []

    async def endless(given: StepWork) -> Done:
        workflow_runs.cancel_workflow_run(services, OPERATOR, given.claimed.run_id)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(given.claimed.step.key)
            raise
        return Done()

    handlers = {**step_handlers.HANDLERS, "notify": endless}
    monkeypatch.setattr("hishamos_pipeline.workflows.working.HANDLERS", handlers)
    assert work(services) == 1 and stopped == ["a"]
    assert shown(services, run).state == "cancelled"


def test_what_breaks_unexpectedly_is_a_failure_with_its_name(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(given: StepWork) -> Done:
        raise KeyError("gone")

    monkeypatch.setattr("hishamos_pipeline.workflows.working.HANDLERS", {"notify": broken})
    run = start(services, NOTICE)
    work(services)
    assert "KeyError: 'gone'" in shown(services, run).failure


def test_every_type_of_steps_that_needs_a_worker_has_a_handler() -> None:
    from hishamos_pipeline.core.workflows.step_types import BUILTIN

    done_by_the_engine = {"condition", "parallel"}
    wanted = {kind.name for kind in BUILTIN.values() if not kind.waits} - done_by_the_engine
    assert wanted == set(step_handlers.HANDLERS)


def test_other_projects_are_not_about_anybody_elses(services: Services) -> None:
    organizations.add_organization(services, OPERATOR, "acme")
    stranger = replace(OPERATOR, organization="acme")
    run = start(services, NOTICE)
    with pytest.raises(ArtifactMissingError):
        workflow_runs.show_workflow_run(services, stranger, run.id)
