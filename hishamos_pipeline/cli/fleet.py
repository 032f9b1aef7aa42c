"""``hishamos fleet``: build many projects on one account, and compare what came of it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from hishamos_pipeline.cli import fleet_comparison
from hishamos_pipeline.cli.instance import with_runs
from hishamos_pipeline.cli.output import Finite, json_option, print_json, print_table, services
from hishamos_pipeline.core.fleet import FleetKind, Terms
from hishamos_pipeline.core.ids import KEY_PATTERN
from hishamos_pipeline.errors import FleetError
from hishamos_pipeline.store.fleets.records import Fleet


@click.group("fleet")
def command() -> None:
    """Build many projects on one account: a few first, within a budget; compare two fleets."""


def _beginning(function: Any) -> Any:
    """The arguments of both commands that begin a fleet."""
    for option in reversed(
        (
            click.argument("name"),
            click.option(
                "--where", "conditions", multiple=True, metavar="FIELD=VALUE",
                help="Which projects: key, title, state, stale, model or fleet; several values by commas, != for "
                "none of them, * for anything. Given more than once, all have to hold.",
            ),
            click.option("--set", "own", multiple=True, metavar="SETTING=VALUE",
                         help="A setting of this fleet alone: llm, llm_fast, llm_structured or repair_rounds."),
            click.option("--budget-usd", type=Finite(0), help="Most US dollars that the fleet may cost."),
            click.option("--budget-tokens", type=click.IntRange(0), help="Most tokens that the fleet may use."),
            click.option("--concurrency", default=2, show_default=True, type=click.IntRange(1, 100),
                         help="Most runs of the fleet at a time."),
            click.option("--canary", default=3, show_default=True, type=click.IntRange(0),
                         help="How many projects go first; if one of them fails, the fleet stops."),
            click.option("--max-failures", default=5, show_default=True, type=click.IntRange(0),
                         help="How many of the others may fail before the fleet stops."),
            click.option("--dry-run", is_flag=True, help="Only list the projects."),
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


def _begin(
    kind: FleetKind, name: str, conditions: Sequence[str], own: Sequence[str], budget_usd: float | None,
    budget_tokens: int | None, concurrency: int, canary: int, max_failures: int, dry_run: bool,
) -> None:  # fmt: skip
    from hishamos_pipeline.operations.fleet import conditions as choosing
    from hishamos_pipeline.store.fleets.repository import Limits

    if len(name) > 60 or not KEY_PATTERN.fullmatch(name):
        raise click.UsageError(
            f"{name!r} cannot be a fleet's name: 1 to 60 of a-z, 0-9 and '-', no '-' first"
        )
    wanted = [choosing.parse(text) for text in conditions]
    settings = _own_settings(own)
    with services() as plain, closing(plain.for_fleet(Terms(name, settings=settings))) as opened:
        plain.store.fleets.require_free(name)
        opened.check_models()
        keys = choosing.choose(opened, wanted)
        if kind == "build" and keys:
            stale = [key for key in keys if choosing.is_stale(opened, key)]
            if not stale:
                click.echo(f"{len(keys)} projects meet the conditions and are up to date: nothing to build")
                return
            keys = stale
        if dry_run and keys:
            click.echo("\n".join(keys))
            return
        limits = Limits(budget_usd, budget_tokens, concurrency, max_failures)
        plain.store.fleets.begin(
            name, kind, keys, canary=canary, limits=limits, conditions=conditions, settings=settings
        )
    click.echo(f"fleet {name}: {len(keys)} projects; the daemon builds them: hishamos fleet show {name}")
    _warn_without_daemon()


def _warn_without_daemon() -> None:
    with with_runs() as (_, history):
        if history.silent_daemons():
            click.echo(
                "the daemon is not heard of: start it with `hishamos dev` or `hishamos serve daemon`",
                err=True,
            )


def _own_settings(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (name, sign, _) in zip(texts, pairs, strict=True):
        if not (name and sign):
            raise click.UsageError(
                f"--set {text!r}: write SETTING=VALUE, such as llm=anthropic:claude-sonnet-4-5"
            )
    return {name.lower().removeprefix("hishamos_"): value for name, _, value in pairs}


@command.command("list")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def list_(last: int, as_json: bool) -> None:
    """List the newest fleets."""
    with services() as opened:
        fleets = opened.store.fleets.newest(last)
        tallies = opened.store.fleets.tallies(fleets)
    if as_json:
        print_json([_described(fleet) | {"members": tallies[fleet.name]} for fleet in fleets])
        return
    print_table(
        ("fleet", "what", "state", "projects", "verified", "failed", "begun", "why"),
        [
            (f.name, f.kind, f.state, sum(tallies[f.name].values()), tallies[f.name].get("verified", 0),
             tallies[f.name].get("failed", 0), f"{f.started_at:%Y-%m-%d %H:%M}", f.reason)
            for f in fleets
        ],
    )  # fmt: skip


@command.command("show")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show how the fleet NAME fares: each project, and all of them together."""
    from hishamos_pipeline.operations.fleet.comparing import figures

    with services() as opened:
        fleet = opened.store.fleets.get(name)
        members = opened.store.fleets.members(fleet)
        spent = opened.store.calls.spent(fleet=name)
    total = figures(members)
    if as_json:
        rows = [
            {c.key: getattr(m, c.key) for c in m.__mapper__.columns if c.key != "fleet_id"} for m in members
        ]
        print_json(
            _described(fleet) | {"spent_usd": spent.cost_usd, "figures": asdict(total), "projects": rows}
        )
        return
    click.echo(f"{fleet.kind} {fleet.name} is {fleet.state}" + (f": {fleet.reason}" if fleet.reason else ""))
    chosen = [*fleet.conditions, *(f"{key}={value}" for key, value in fleet.settings.items())]
    click.echo(", ".join([*chosen, f"{fleet.lanes} at a time, {fleet.most_failures} may fail"]))
    print_table(
        ("project", "first", "state", "requirements", "USD", "seconds", "why"),
        [
            (m.project, "yes" if m.canary else "", m.state, f"{m.requirements_verified} of {m.requirements}",
             f"{m.cost_usd:.4f}", f"{m.seconds:.1f}", m.reason[:300])
            for m in members
        ],
    )  # fmt: skip
    used = spent.input_tokens + spent.output_tokens
    of_usd = f" of {fleet.budget_usd:g}" if fleet.budget_usd is not None else ""
    of_tokens = f" of {fleet.budget_tokens:,}" if fleet.budget_tokens is not None else ""
    click.echo(
        f"{total.verified} of {total.projects} that have ended are verified; "
        f"{spent.cost_usd:.4f}{of_usd} USD and {used:,}{of_tokens} tokens spent"
    )


@command.command("stop")
@click.argument("name")
def stop(name: str) -> None:
    """Stop the fleet NAME: nothing more is begun, and its runs are cancelled. What is made stays made."""
    with services() as opened:
        stopped = opened.store.fleets.stop(name, "somebody has stopped it")
        state = opened.store.fleets.get(name).state
    click.echo(f"{name}: the daemon cancels its runs" if stopped else f"{name} is {state} already")
    if stopped:
        _warn_without_daemon()


@command.command("resume")
@click.argument("name")
@click.option("--budget-usd", type=Finite(0), help="A new budget in US dollars, all that is spent included.")
@click.option("--budget-tokens", type=click.IntRange(0), help="A new budget in tokens.")
@click.option("--no-budget", is_flag=True, help="Lift the budget.")
@click.option("--concurrency", type=click.IntRange(1, 100), help="Most runs at a time from now on.")
@click.option("--max-failures", type=click.IntRange(0), help="How many more projects may fail.")
@click.option("--leave-failed", is_flag=True, help="Go on without the projects that have failed.")
def resume(
    name: str, budget_usd: float | None, budget_tokens: int | None, no_budget: bool, concurrency: int | None,
    max_failures: int | None, leave_failed: bool,
) -> None:  # fmt: skip
    """Take the fleet NAME up again after it has stopped. What was made and paid for is not made again."""
    from hishamos_pipeline.store.fleets.repository import Limits

    with services() as opened:
        was, spent = opened.store.fleets.get(name), opened.store.calls.spent(fleet=name)
        if no_budget:
            was.budget_usd = was.budget_tokens = None
        new = Limits(
            was.budget_usd if budget_usd is None else budget_usd,
            was.budget_tokens if budget_tokens is None else budget_tokens,
            concurrency or was.lanes,
            was.most_failures if max_failures is None else max_failures,
        )
        used = spent.input_tokens + spent.output_tokens
        if (new.usd and spent.cost_usd >= new.usd) or (new.tokens and used >= new.tokens):
            raise FleetError(
                f"fleet {name!r} has spent {spent.cost_usd:.4f} USD and {used:,} tokens, its budget: give it a larger "
                "one with --budget-usd or --budget-tokens, or --no-budget"
            )
        count = opened.store.fleets.resume(name, new, leave_failed=leave_failed)
    click.echo(f"fleet {name} goes on with {count} projects")


command.add_command(fleet_comparison.command)


def _described(fleet: "Fleet") -> dict[str, Any]:
    """The row as JSON, its limits named like the options."""
    row = {column.key: getattr(fleet, column.key) for column in fleet.__mapper__.columns}
    row |= {"concurrency": row.pop("lanes"), "max_failures": row.pop("most_failures")}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
