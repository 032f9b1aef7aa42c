"""Workflows: what a short step costs, how soon a decision moves its run, 10,000 runs that wait, 200 steps at once."""

import asyncio
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Row
from hishamos_pipeline.application import human_tasks, workflow_definitions, workflow_runs
from hishamos_pipeline.application.human_tasks import DecideTask
from hishamos_pipeline.application.workflow_definitions import CheckWorkflow
from hishamos_pipeline.application.workflow_runs import StartWorkflow, WorkflowRunDetails
from hishamos_pipeline.core.actor import this_user
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store import database
from hishamos_pipeline.store.workflows.records import NewRun
from hishamos_pipeline.workflows.waiting import tick
from hishamos_pipeline.workflows.working import StepWorker
from tests.fakes.postgres import postgres_server

_OPERATOR = this_user("root")
_STEPS, _DECISIONS, _WAITING, _FANNED = 200, 50, 10_000, 200
_NOTE = "type: notify, with: {subject: x}"
_CHAIN = "workflow: chain\nsteps:\n- {id: s0, " + _NOTE + "}\n" + "".join(
    f"- {{id: s{n}, {_NOTE}, depends_on: [s{n - 1}]}}\n" for n in range(1, 10)
)  # fmt: skip
_GATE = (
    'workflow: gate\nsteps:\n- {id: a, type: human_approval, with: {approvers: ["role:viewer"]}}\n'
    f"- {{id: b, {_NOTE}, depends_on: [a]}}\n"
)
_FAN = (
    "workflow: fan\ninputs: {n: {type: list}}\nsteps:\n- {id: f, type: parallel, for_each: inputs.n, most: 200, "
    f"steps: [{{id: s, {_NOTE}}}]}}\n"
)
_MOST_SECONDS, _MOST_MB = 1.0, 300


def measure() -> list[Row]:
    """All rows."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_rows(Settings(home=Path(folder) / "home"), "SQLite", waiting=True)]
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        given = Settings(home=Path(folder) / "home", database_url=server.new_database())
        database.upgrade(database.open_engine(given.store_url))
        return [*rows, *_rows(given, "PostgreSQL", waiting=False)]


def _rows(settings: Settings, name: str, *, waiting: bool) -> Iterator[Row]:
    services = Services(settings, actor=_OPERATOR)
    for text in (_CHAIN, _GATE, _FAN):
        made = workflow_definitions.save_workflow(services, _OPERATOR, CheckWorkflow(text=text))
        workflow_definitions.publish_workflow(services, _OPERATOR, made.name, made.number)
    yield _steps(services, name, 1)
    yield _steps(services, name, 2)
    yield _latency(services, name)
    yield _fan_out(services, name)
    if waiting:
        yield from _waiting(services, name)
    services.close()


def _begin(services: Services, workflow: str, **given: object) -> WorkflowRunDetails:
    command = StartWorkflow.model_validate({"workflow": workflow, **given})
    return workflow_runs.start_workflow(services, _OPERATOR, command)


def _work(services: Services, name: str) -> int:
    """Do all that is ready; how many steps."""

    async def do() -> int:
        worker, done = StepWorker(services, name), 0
        while await worker.do_next():
            done += 1
        return done

    return asyncio.run(do())


def _steps(services: Services, name: str, workers: int) -> Row:
    for _ in range(_STEPS // 10):
        _begin(services, "chain")
    threads = [threading.Thread(target=_work, args=(services, f"w{n}")) for n in range(workers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    figure = f"{1000 * seconds / _STEPS:.1f} ms a step, {60 * _STEPS / seconds:,.0f} steps a minute"
    return Row(f"{name}: short steps, {workers} workers", figure, "-", kept=True)


@contextmanager
def _worker(services: Services) -> Iterator[None]:
    """A worker that looks for steps all the time, as one of the API does once it is woken."""
    stopping = threading.Event()

    def loop() -> None:
        while not stopping.is_set():
            if not _work(services, "latency"):
                time.sleep(0.005)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _latency(services: Services, name: str) -> Row:
    """From a decision to the begin of the step after it."""
    taken = []
    with _worker(services):
        for _ in range(_DECISIONS):
            run = _begin(services, "gate")
            (task,) = [t for t in human_tasks.inbox(services, _OPERATOR) if t.run == run.id]
            decided = time.perf_counter()
            human_tasks.decide(services, _OPERATOR, DecideTask(task=task.id, decision="approve"))
            while not _begun(services, run.id):
                time.sleep(0.002)
            taken.append(time.perf_counter() - decided)
    p95 = statistics.quantiles(taken, n=20)[-1]
    figure = f"p50 {1000 * statistics.median(taken):.0f} ms, p95 {1000 * p95:.0f} ms"
    return Row(
        f"{name}: from a decision to the next step",
        figure,
        f"p95 under {_MOST_SECONDS:g} s",
        p95 < _MOST_SECONDS,
    )


def _begun(services: Services, run: int) -> bool:
    states = services.store.workflow_runs.get(run).run.steps
    return states["b"].state in ("running", "succeeded")


def _fan_out(services: Services, name: str) -> Row:
    began = time.perf_counter()
    run = _begin(services, "fan", inputs={"n": list(range(_FANNED))})
    done = _work(services, "fan")
    seconds = time.perf_counter() - began
    state = workflow_runs.show_workflow_run(services, _OPERATOR, run.id).state
    kept = state == "succeeded" and done == _FANNED
    return Row(
        f"{name}: {_FANNED} steps of one list, one worker", f"{seconds:.1f} s, {state}", "succeeded", kept
    )


def _waiting(services: Services, name: str) -> Iterator[Row]:
    for _ in range(_WAITING):
        services.store.workflow_runs.start(_new(services))
    tick(services)  # channels are told once
    began = time.perf_counter()
    tick(services)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figure = f"{1000 * seconds:.0f} ms a tick, {memory:.0f} MB"
    bound = f"under {_MOST_SECONDS:g} s and {_MOST_MB} MB"
    kept = seconds < _MOST_SECONDS and memory < _MOST_MB
    yield Row(f"{name}: {_WAITING:,} runs that wait for people", figure, bound, kept)


def _new(services: Services) -> NewRun:
    version = services.store.workflow_versions.get("gate")
    return NewRun(version.name, version.number, version.sha256, version.type, {})
