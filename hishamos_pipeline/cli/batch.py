"""``hishamos batch``: build many projects on one account, and compare what came of it."""

from collections.abc import Sequence
from typing import Any

import click

from hishamos_pipeline.cli import batch_comparison
from hishamos_pipeline.cli.instance import warn_without_daemon
from hishamos_pipeline.cli.output import Finite, echo, json_option, opened, print_json, print_table
from hishamos_pipeline.core.pipeline.batch import BatchKind


@click.group("batch")
def command() -> None:
    """Build many projects on one account: a few first, within a budget; compare two batches."""


def _beginning(function: Any) -> Any:
    """The arguments of both commands that begin a batch."""
    for option in reversed(
        (
            click.argument("name"),
            click.option(
                "--where", "conditions", multiple=True, metavar="FIELD=VALUE",
                help="Which projects: key, title, state, stale, model or batch; several values by commas, != for "
                "none of them, * for anything. Given more than once, all have to hold.",
            ),
            click.option("--set", "own", multiple=True, metavar="SETTING=VALUE",
                         help="A setting of this batch alone: llm, llm_fast, llm_structured or repair_rounds."),
            click.option("--budget-usd", type=Finite(0), help="Most US dollars that the batch may cost."),
            click.option("--budget-tokens", type=click.IntRange(0), help="Most tokens that the batch may use."),
            click.option("--concurrency", default=2, show_default=True, type=click.IntRange(1, 100),
                         help="Most runs of the batch at a time."),
            click.option("--canary", default=3, show_default=True, type=click.IntRange(0),
                         help="How many projects go first; if one of them fails, the batch stops."),
            click.option("--max-failures", default=5, show_default=True, type=click.IntRange(0),
                         help="How many of the others may fail before the batch stops."),
            click.option("--dry-run", is_flag=True, help="Only list the projects."),
            click.option("--all", "every", is_flag=True, help="Take all projects, where no --where says which."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


@command.command("build")
@_beginning
def build(**given: Any) -> None:
    """Build what is stale of all projects that meet the conditions; those that are up to date are left out."""
    _begin("build", **given)


@command.command("rebuild")
@_beginning
def rebuild(**given: Any) -> None:
    """Make all projects that meet the conditions anew, asking models again; for comparing models or prompts.

    What people have edited stays edited, and every project keeps its history.
    """
    _begin("rebuild", **given)


def _begin(kind: BatchKind, conditions: Sequence[str], own: Sequence[str], every: bool, **given: Any) -> None:
    from hishamos_pipeline.application import batches

    if not conditions and not every and not given["dry_run"]:
        raise click.UsageError("this takes all projects: say so with --all, or name some with --where")

    wanted = batches.BeginBatch(kind=kind, conditions=tuple(conditions), settings=tuple(own), **given)
    with opened() as (services, actor):
        done = batches.begin(services, actor, wanted)
        if done.begun:
            echo(
                f"batch {done.name}: {len(done.projects)} projects; "
                f"the daemon builds them: hishamos batch show {done.name}"
            )
            warn_without_daemon(services)
            return
    if done.projects:
        echo("\n".join(done.projects))
    else:
        echo(f"{done.chosen} projects meet the conditions and are up to date: nothing to build")


@command.command("list")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def list_(last: int, as_json: bool) -> None:
    """List the newest batches."""
    from hishamos_pipeline.application import batches

    with opened() as (services, actor):
        found = batches.list_batches(services, actor, last)
    if as_json:
        print_json(found)
        return
    print_table(
        ("batch", "what", "state", "projects", "verified", "failed", "begun", "why"),
        [
            (f.name, f.kind, f.state, sum(f.members.values()), f.members.get("verified", 0),
             f.members.get("failed", 0), f"{f.started_at:%Y-%m-%d %H:%M}", f.reason)
            for f in found
        ],
    )  # fmt: skip


@command.command("show")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show how the batch NAME fares: each project, and all of them together."""
    from hishamos_pipeline.application import batches

    with opened() as (services, actor):
        batch = batches.show_batch(services, actor, name)
    if as_json:
        print_json(batch)
        return
    echo(f"{batch.kind} {batch.name} is {batch.state}" + (f": {batch.reason}" if batch.reason else ""))
    chosen = [*batch.conditions, *(f"{key}={value}" for key, value in batch.settings.items())]
    echo(", ".join([*chosen, f"{batch.concurrency} at a time, {batch.max_failures} may fail"]))
    print_table(
        ("project", "first", "state", "requirements", "USD", "seconds", "why"),
        [
            (m.project, "yes" if m.canary else "", m.state, f"{m.requirements_verified} of {m.requirements}",
             f"{m.cost_usd:.4f}", f"{m.seconds:.1f}", m.reason[:300])
            for m in batch.projects
        ],
    )  # fmt: skip
    of_usd = f" of {batch.budget_usd:g}" if batch.budget_usd is not None else ""
    of_tokens = f" of {batch.budget_tokens:,}" if batch.budget_tokens is not None else ""
    echo(
        f"{batch.figures.verified} of {batch.figures.projects} that have ended are verified; "
        f"{batch.spent_usd:.4f}{of_usd} USD and {batch.spent_tokens:,}{of_tokens} tokens spent"
    )


@command.command("stop")
@click.argument("name")
def stop(name: str) -> None:
    """Stop the batch NAME: nothing more is begun, and its runs are cancelled. What is made stays made."""
    from hishamos_pipeline.application import batches

    with opened() as (services, actor):
        done = batches.stop(services, actor, name)
        echo(f"{name}: the daemon cancels its runs" if done.stopped else f"{name} is {done.state} already")
        if done.stopped:
            warn_without_daemon(services)


@command.command("resume")
@click.argument("name")
@click.option("--budget-usd", type=Finite(0), help="A new budget in US dollars, all that is spent included.")
@click.option("--budget-tokens", type=click.IntRange(0), help="A new budget in tokens.")
@click.option("--no-budget", is_flag=True, help="Lift the budget.")
@click.option("--concurrency", type=click.IntRange(1, 100), help="Most runs at a time from now on.")
@click.option("--max-failures", type=click.IntRange(0), help="How many more projects may fail.")
@click.option("--leave-failed", is_flag=True, help="Go on without the projects that have failed.")
def resume(name: str, **given: Any) -> None:
    """Take the batch NAME up again after it has stopped. What was made and paid for is not made again."""
    from hishamos_pipeline.application import batches

    with opened() as (services, actor):
        count = batches.resume(services, actor, batches.ResumeBatch(name=name, **given))
    echo(f"batch {name} goes on with {count} projects")


command.add_command(batch_comparison.command)
