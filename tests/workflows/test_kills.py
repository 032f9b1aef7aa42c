"""Workers that are killed at any moment lose no run and do nothing twice that can be done once."""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hishamos_pipeline.application import workflow_definitions, workflow_runs
from hishamos_pipeline.application.workflow_definitions import CheckWorkflow
from hishamos_pipeline.application.workflow_runs import StartWorkflow
from hishamos_pipeline.core.pipeline.channel import LogChannel
from hishamos_pipeline.core.workflows.engine import advance
from hishamos_pipeline.core.workflows.states import RunState
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.workflows.codec import decoded_event
from hishamos_pipeline.workflows.waiting import tick
from hishamos_pipeline.workflows.working import StepWorker
from tests.fakes.clock import FixedClock
from tests.support.people import OPERATOR

pytestmark = pytest.mark.slow
KEPT = "retry: {max: 20, backoff: 0s}"
CALLED = f"workflow: called\nsteps:\n- {{id: n, type: notify, {KEPT}, with: {{subject: called}}}}\n"
WHOLE = f"""\
workflow: whole
steps:
- id: each
  type: parallel
  for_each: '[1, 2, 3]'
  steps: [{{id: one, type: notify, {KEPT}, with: {{subject: "${{{{ item }}}}"}}}}]
- {{id: rest, type: delay, depends_on: [each], with: {{for: 0s}}}}
- {{id: call, type: subworkflow, depends_on: [rest], with: {{workflow: called}}}}
- {{id: end, type: notify, depends_on: [call], {KEPT}, with: {{subject: end}}}}
"""
# Messages of each run: three elements, the run that it begins, its end.
MESSAGES = 5


def settings(home: Path) -> Settings:
    return Settings(home=home, notify={"ops": LogChannel(kind="log")})


def work(home: Path) -> None:
    """Do steps for ever, as a worker of the API's process does."""
    services = Services(settings(home), actor=OPERATOR)

    async def loop() -> None:
        worker = StepWorker(services, f"worker {os.getpid()}", does_heavy=True)
        while True:
            if not await worker.do_next():
                tick(services)

    asyncio.run(loop())


@pytest.mark.parametrize("count", [5, pytest.param(200, marks=pytest.mark.nightly)])
def test_workers_are_killed(tmp_path: Path, count: int) -> None:
    home, seed = tmp_path / "home", random.randrange(1_000_000)
    chance, services = random.Random(seed), Services(settings(home), actor=OPERATOR)
    for text in (CALLED, WHOLE):
        made = workflow_definitions.save_workflow(services, OPERATOR, CheckWorkflow(text=text))
        workflow_definitions.publish_workflow(services, OPERATOR, made.name, made.number)
    for _ in range(count):
        workflow_runs.start_workflow(services, OPERATOR, StartWorkflow(workflow="whole"))
    context, until = multiprocessing.get_context("spawn"), time.monotonic() + 60 + count
    workers = [context.Process(target=work, args=(home,), daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    while not _all_ended(services):
        assert time.monotonic() < until, f"seed {seed}"
        time.sleep(chance.uniform(0.5, 2.5))
        victim = chance.randrange(2)
        os.kill(workers[victim].pid or 0, signal.SIGKILL)
        workers[victim].join()
        workers[victim] = context.Process(target=work, args=(home,), daemon=True)
        workers[victim].start()
        # By a clock that is ahead, whoever has died has been silent for long.
        ahead = FixedClock(datetime.now(UTC) + timedelta(minutes=3))
        ProjectStore(services.store.engine, ahead, actor=OPERATOR).workflow_runs.tick(1000)
    for worker in workers:
        worker.kill()
        worker.join()
    states = {run.state for run in services.store.workflow_runs.page(PageQuery(limit=200)).items}
    assert states == {"succeeded"}, f"seed {seed}"
    assert len(services.store.notifications.due(10_000)) == MESSAGES * count, f"seed {seed}"
    _replay(services)
    services.close()


def _all_ended(services: Services) -> bool:
    runs = services.store.workflow_runs
    return not any(
        runs.page(PageQuery(limit=1), state=state).items for state in ("pending", "running", "waiting")
    )


def _replay(services: Services) -> None:
    """What is kept of each run follows from what has happened to it."""
    runs = services.store.workflow_runs
    for listed in runs.page(PageQuery(limit=20)).items:
        kept = runs.get(listed.id)
        definition = services.store.workflow_versions.definition(kept.sha256)
        again = RunState(id=str(kept.id), workflow=kept.workflow, owner=kept.owner, inputs={})
        for happening in runs.history(kept.id):
            again, _ = advance(definition, again, decoded_event(happening.content), happening.at, BUILTIN)
        assert again == kept.run
