"""Batches: many projects built on one account, stopped, taken up again and compared."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.pipeline.batch import BatchKind, BatchOverrides
from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.errors import BatchError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.batch import conditions as choosing
from hishamos_pipeline.operations.batch.comparing import common, figures
from hishamos_pipeline.store.batches.records import Batch
from hishamos_pipeline.store.batches.repository import BatchLimits

_LONGEST_NAME = 60


class BeginBatch(UseCaseInput):
    """Projects to build on one account.

    Args:
        name: the batch's name, for good.
        kind: ``build`` makes what is stale, ``rebuild`` all.
        conditions: which projects, such as ``state=failed``; all have to hold.
        settings: settings of the batch alone, as ``SETTING=VALUE``.
        budget_usd: most US dollars that it may cost.
        budget_tokens: most tokens.
        concurrency: most of its runs at a time.
        canary: how many projects go first; if one of them fails, the batch stops.
        max_failures: how many of the others may fail before it stops.
        dry_run: only choose the projects.
    """

    name: str
    kind: BatchKind
    conditions: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    budget_usd: float | None = None
    budget_tokens: int | None = None
    concurrency: int = 2
    canary: int = 3
    max_failures: int = 5
    dry_run: bool = False


class BegunBatch(View):
    """The projects that a batch was begun with; ``chosen`` is how many met the conditions, whether stale or not."""

    name: str
    projects: tuple[str, ...]
    chosen: int
    begun: bool


class BatchView(View):
    """A batch: within which limits, and how far it has come."""

    id: int
    name: str
    kind: str
    conditions: tuple[str, ...]
    settings: dict[str, str]
    budget_usd: float | None
    budget_tokens: int | None
    concurrency: int
    max_failures: int
    attempt: int
    state: str
    reason: str
    started_by: str
    started_at: datetime
    ended_at: datetime | None


class ListedBatch(BatchView):
    """A batch with how many of its projects are in each state."""

    members: dict[str, int]


class BatchMemberView(View):
    """A project of a batch, and how its run has ended."""

    project: str
    canary: bool
    state: str
    attempt: int
    slot: int
    run_id: str
    refused: bool
    reason: str
    seconds: float
    requirements: int
    requirements_verified: int
    cost_usd: float
    calls: int
    tokens: int
    models: tuple[str, ...]
    prompt_versions: tuple[str, ...]


class BatchFiguresView(View):
    """What the members of a batch add up to; see ``operations.batch.comparing.BatchFigures``."""

    projects: int
    verified: int
    share: float | None
    low: float
    high: float
    requirements: int
    requirements_verified: int
    cost_usd: float
    usd_each: float | None
    tokens_each: float | None
    seconds: float
    p95_seconds: float
    models: tuple[str, ...]
    prompt_versions: tuple[str, ...]


class BatchDetails(BatchView):
    """A batch with its projects, what they add up to, and what was spent."""

    spent_usd: float
    spent_tokens: int
    figures: BatchFiguresView
    projects: tuple[BatchMemberView, ...]


class ResumeBatch(UseCaseInput):
    """Take a batch up again, with new limits where they are given."""

    name: str
    budget_usd: float | None = None
    budget_tokens: int | None = None
    no_budget: bool = False
    concurrency: int | None = None
    max_failures: int | None = None
    leave_failed: bool = False


class StoppedBatch(View):
    """Whether a batch was running when it was stopped, and its state now."""

    name: str
    stopped: bool
    state: str


@requires("batches.run")
def begin(services: Services, actor: Actor, command: BeginBatch) -> BegunBatch:
    """Choose projects and have the daemon build them.

    Raises:
        BatchError: name, condition or setting are not valid, the name is taken, or no project meets the conditions.
        ModelSetupError, CredentialError: the batch's models cannot be used.
    """
    if len(command.name) > _LONGEST_NAME or not KEY_PATTERN.fullmatch(command.name):
        raise BatchError(
            f"{command.name!r} cannot be a batch's name: 1 to 60 of a-z, 0-9 and '-', no '-' first"
        )
    wanted, settings = [choosing.parse(text) for text in command.conditions], own_settings(command.settings)
    plain = services.acting_as(actor)
    with closing(plain.for_batch(BatchOverrides(command.name, settings=settings))) as own:
        plain.store.batches.require_free(command.name)
        own.check_models()
        keys = choosing.choose(own, wanted)
        chosen = len(keys)
        if command.kind == "build":
            keys = [key for key in keys if choosing.is_stale(own, key)]
        nothing_stale = bool(chosen) and not keys
        if nothing_stale or (command.dry_run and keys):
            return BegunBatch(name=command.name, projects=tuple(keys), chosen=chosen, begun=False)
        limits = BatchLimits(
            command.budget_usd, command.budget_tokens, command.concurrency, command.max_failures
        )
        plain.store.batches.begin(
            command.name, command.kind, keys, canary=command.canary, limits=limits,
            conditions=command.conditions, settings=settings,
        )  # fmt: skip
    return BegunBatch(name=command.name, projects=tuple(keys), chosen=chosen, begun=True)


def own_settings(texts: Sequence[str]) -> dict[str, str]:
    """Settings of a batch alone, from ``SETTING=VALUE``.

    Raises:
        BatchError: one has another form.
    """
    pairs = [text.partition("=") for text in texts]
    for text, (name, sign, _) in zip(texts, pairs, strict=True):
        if not (name and sign):
            raise BatchError(
                f"setting {text!r}: write SETTING=VALUE, such as llm=anthropic:claude-sonnet-5-5"
            )
    return {name.lower().removeprefix("hishamos_"): value for name, _, value in pairs}


@requires("batches.read")
def list_batches(services: Services, actor: Actor, last: int = 20) -> list[ListedBatch]:
    """The newest batches, the newest first."""
    batches = services.acting_as(actor).store.batches
    found = batches.newest(last)
    tallies = batches.tallies(found)
    return [ListedBatch(**_fields(batch), members=tallies[batch.name]) for batch in found]


@requires("batches.read")
def show_batch(services: Services, actor: Actor, name: str) -> BatchDetails:
    """How a batch fares: each project, and all of them together.

    Raises:
        BatchNotFoundError: there is no such batch.
    """
    store = services.acting_as(actor).store
    batch = store.batches.get(name)
    members, spent = store.batches.members(batch), store.calls.spent(batch=name)
    return BatchDetails(
        **_fields(batch),
        spent_usd=spent.cost_usd,
        spent_tokens=spent.input_tokens + spent.output_tokens,
        figures=BatchFiguresView.of(figures(members)),
        projects=tuple(BatchMemberView.of(member) for member in members),
    )


@requires("batches.run")
def stop(services: Services, actor: Actor, name: str) -> StoppedBatch:
    """Stop a batch: nothing more is begun, and its runs are cancelled. What is made stays made.

    Raises:
        BatchNotFoundError: there is no such batch.
    """
    batches = services.acting_as(actor).store.batches
    stopped = batches.stop(name, "somebody has stopped it")
    return StoppedBatch(name=name, stopped=stopped, state=batches.get(name).state)


@requires("batches.run")
def resume(services: Services, actor: Actor, command: ResumeBatch) -> int:
    """Take a batch up again after it has stopped: with how many projects. What was paid for is not made again.

    Raises:
        BatchNotFoundError: there is no such batch.
        BatchError: it is under way, has nothing left to do, or has spent its budget.
    """
    store, name = services.acting_as(actor).store, command.name
    was, spent = store.batches.get(name), store.calls.spent(batch=name)
    usd, tokens = (None, None) if command.no_budget else (was.budget_usd, was.budget_tokens)
    new = BatchLimits(
        usd if command.budget_usd is None else command.budget_usd,
        tokens if command.budget_tokens is None else command.budget_tokens,
        command.concurrency or was.slots,
        was.most_failures if command.max_failures is None else command.max_failures,
    )
    used = spent.input_tokens + spent.output_tokens
    if (new.usd and spent.cost_usd >= new.usd) or (new.tokens and used >= new.tokens):
        raise BatchError(
            f"batch {name!r} has spent {spent.cost_usd:.4f} USD and {used:,} tokens, its budget: give it a larger "
            "one with --budget-usd or --budget-tokens, or --no-budget"
        )
    return store.batches.resume(name, new, leave_failed=command.leave_failed)


@requires("batches.read")
def compare(
    services: Services, actor: Actor, first: str, second: str, *, everything: bool = False
) -> dict[str, BatchFiguresView]:
    """The figures of two batches by name, of the projects that have ended in both, or of all.

    Raises:
        BatchNotFoundError: there is no such batch.
        BatchError: no project has ended in both.
    """
    batches = services.acting_as(actor).store.batches
    one, other = (batches.members(batches.get(name)) for name in (first, second))
    if not everything:
        one, other = common(one, other)
    sides = figures(one), figures(other)
    if not all(side.projects for side in sides):
        raise BatchError(f"no project has ended in both {first!r} and {second!r}: see `hishamos batch show`")
    return {name: BatchFiguresView.of(side) for name, side in zip((first, second), sides, strict=True)}


def _fields(batch: Batch) -> dict[str, Any]:
    """The fields of a batch's view; its limits are named like the options."""
    return dict(BatchView.of(batch, concurrency=batch.slots, max_failures=batch.most_failures))
