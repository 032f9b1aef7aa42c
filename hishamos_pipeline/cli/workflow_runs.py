"""``hishamos workflows``: its commands about runs, and about what people are to decide in them."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table
from hishamos_pipeline.errors import InputError

if TYPE_CHECKING:
    from hishamos_pipeline.application.human_tasks import HumanTaskView
    from hishamos_pipeline.application.workflow_runs import WorkflowRunDetails
    from hishamos_pipeline.generation.services import Services

_LOOK_SECONDS = 1.0


@click.command("run")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="This version; by default the published one.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input; JSON, or text as it is."
)
@click.option("--project", default="", help="The project that it is about.")
@click.option("--priority", type=click.IntRange(-100, 100), default=0, help="Steps of higher ones go first.")
@click.option("--wait", is_flag=True, help="Do its steps here, until it ends or waits for somebody.")
@json_option
def run(
    name: str,
    version: int | None,
    inputs: tuple[str, ...],
    project: str,
    priority: int,
    wait: bool,
    as_json: bool,
) -> None:
    """Begin a run of the workflow NAME. The daemon and the API's workers do its steps, or this process with --wait."""
    from hishamos_pipeline.application import workflow_runs

    with opened() as (services, actor), problems_told():
        asked = workflow_runs.StartWorkflow(
            workflow=name,
            version=version,
            inputs=dict(map(_input, inputs)),
            project=project,
            priority=priority,
        )
        found = workflow_runs.start_workflow(services, actor, asked)
        if wait:
            asyncio.run(_work(services, found.id))
            found = workflow_runs.show_workflow_run(services, actor, found.id)
    show_run(found, as_json)
    _exit_with(found)


@click.command("work")
def work() -> None:
    """Do steps of runs here, until there are none left."""
    with opened() as (services, _):
        count = asyncio.run(_work(services, None))
    echo(f"{count} steps done")


@click.command("runs")
@click.option("--workflow", default="", help="Of this workflow alone.")
@click.option("--state", default="", help="In this state alone.")
@click.option("--project", default="", help="About this project alone.")
@json_option
def runs(workflow: str, state: str, project: str, as_json: bool) -> None:
    """List runs, the newest first."""
    from hishamos_pipeline.application import workflow_runs
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = workflow_runs.list_workflow_runs(
            services, actor, PageQuery(limit=50), project, workflow=workflow, state=state
        )
    if as_json:
        print_json(found)
        return
    rows = [
        (str(r.id), r.workflow, str(r.version), r.state, r.project, r.owner, f"{r.created_at:%Y-%m-%d %H:%M}")
        for r in found.items
    ]
    print_table(("run", "workflow", "version", "state", "project", "owner", "begun"), rows)


@click.command("watch")
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help="Give up after so many; 0 for never.")
@json_option
def watch(run_id: int, seconds: float, as_json: bool) -> None:
    """Follow a RUN until it has ended, and show it then."""
    from hishamos_pipeline.application import workflow_runs

    until = time.monotonic() + seconds if seconds else None
    said = ""
    while True:
        with opened() as (services, actor):
            found = workflow_runs.show_workflow_run(services, actor, run_id)
        now = f"{found.state}, {found.done} of {found.count} steps: {', '.join(_current(found)) or '-'}"
        if now != said and not as_json:
            echo(now)
        said = now
        if found.ended_at is not None or (until and time.monotonic() > until):
            break
        time.sleep(_LOOK_SECONDS)
    show_run(found, as_json)
    _exit_with(found)


@click.command("pause")
@click.argument("run_id", metavar="RUN", type=int)
def pause(run_id: int) -> None:
    """Have no step of a RUN begin any more; what runs ends."""
    from hishamos_pipeline.application import workflow_runs

    with opened() as (services, actor):
        _say(workflow_runs.pause_workflow_run(services, actor, run_id))


@click.command("resume")
@click.argument("run_id", metavar="RUN", type=int)
def resume(run_id: int) -> None:
    """Have steps of a RUN begin again."""
    from hishamos_pipeline.application import workflow_runs

    with opened() as (services, actor):
        _say(workflow_runs.resume_workflow_run(services, actor, run_id))


@click.command("cancel")
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--reason", default="", help="Why; it is kept with the run.")
def cancel(run_id: int, reason: str) -> None:
    """End a RUN: what runs is stopped, and its `finally` is done; a second time ends that too."""
    from hishamos_pipeline.application import workflow_runs

    with opened() as (services, actor):
        _say(workflow_runs.cancel_workflow_run(services, actor, run_id, reason))


@click.command("retry")
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--from", "step", default="", help="Run it again from this step, and what depends on it.")
@click.option("--version", type=click.IntRange(1), help="Go on by this version of the workflow.")
def retry(run_id: int, step: str, version: int | None) -> None:
    """Have a RUN that has ended go on from what has failed, or again from a step."""
    from hishamos_pipeline.application import workflow_runs

    with opened() as (services, actor):
        asked = workflow_runs.RetryRun(run=run_id, step=step, version=version)
        _say(workflow_runs.retry_workflow_run(services, actor, asked))


@click.command("inbox")
@json_option
def inbox(as_json: bool) -> None:
    """List what waits for your decision."""
    from hishamos_pipeline.application import human_tasks

    with opened() as (services, actor):
        found = human_tasks.inbox(services, actor)
    if as_json:
        print_json(found)
        return
    rows = [(str(t.id), t.title, str(t.run), t.project, t.question, _date(t)) for t in found]
    print_table(("task", "what", "run", "project", "question", "open until"), rows)


@click.command("decide")
@click.argument("task", type=int)
@click.argument("decision", type=click.Choice(["approve", "reject", "changes"]))
@click.option("--comment", default="", help="Why; it is kept with the run.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A field of its form.")
@json_option
def decide(task: int, decision: Any, comment: str, fields: tuple[str, ...], as_json: bool) -> None:
    """Decide a TASK of the inbox: approve, reject, or ask for changes."""
    from hishamos_pipeline.application import human_tasks

    with opened() as (services, actor), problems_told():
        asked = human_tasks.DecideTask(
            task=task, decision=decision, comment=comment, form=dict(map(_input, fields))
        )
        found = human_tasks.decide(services, actor, asked)
    if as_json:
        print_json(found)
    elif found.state == "open":
        echo(f"task {task}: {len(found.decisions)} of {found.needed} have decided")
    else:
        echo(f"task {task}: {found.decision}")


COMMANDS = (run, work, runs, watch, pause, resume, cancel, retry, inbox, decide)


@contextmanager
def problems_told() -> Iterator[None]:
    """Tell what is wrong with what was given, a line each, and exit with 2."""
    try:
        yield
    except InputError as error:
        for field, problem in error.problems:
            echo(f"{field}: {problem}", err=True)
        raise SystemExit(2) from None


def _input(text: str) -> tuple[str, Any]:
    """A name and its value; what is not JSON is text.

    Raises:
        InputError: there is no `=`.
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError(((text[:50], "is not NAME=VALUE"),))
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def _work(services: "Services", run_id: int | None) -> int:
    """Do steps of a run, or of all, as long as there are any; how many were done."""
    from hishamos_pipeline.workflows.waiting import tick
    from hishamos_pipeline.workflows.working import StepWorker

    worker, count = StepWorker(services, f"command line {os.getpid()}", does_heavy=True), 0
    while True:
        while await worker.do_next(run_id):
            count += 1
        if not tick(services):
            return count


def show_run(found: "WorkflowRunDetails", as_json: bool) -> None:
    """Print a run with its steps."""
    if as_json:
        print_json(found)
        return
    why = f": {found.failure}" if found.failure else ""
    echo(f"run {found.id} of {found.workflow}, version {found.version}: {found.state}{why}")
    rows = [
        (s.key, s.state, str(s.tries), " ".join(filter(None, (s.cause, s.message)))[:80]) for s in found.steps
    ]
    print_table(("step", "state", "tries", "why"), rows)
    for one in found.decisions:
        echo(f"{one.step}: {one.decision} by {one.person}{f': {one.comment}' if one.comment else ''}")
    if found.outputs:
        echo(json.dumps(found.outputs, ensure_ascii=False, indent=2))


def _exit_with(found: "WorkflowRunDetails") -> None:
    """End with 1 where a run has not ended well."""
    if found.state in ("failed", "cancelled"):
        raise SystemExit(1)


def _say(found: "WorkflowRunDetails") -> None:
    echo(f"run {found.id} is {found.state}")


def _current(found: "WorkflowRunDetails") -> list[str]:
    return [f"{s.key} {s.state}" for s in found.steps if s.state in ("ready", "running", "waiting")]


def _date(task: "HumanTaskView") -> str:
    return f"{task.expires_at:%Y-%m-%d %H:%M}" if task.expires_at else ""
