"""Batches: many projects built on one account; an operator's."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import Name, PageParameters, RequestBody
from hishamos_pipeline.api.route import ResourceRoute
from hishamos_pipeline.application import batches
from hishamos_pipeline.application.batches import (
    BatchDetails,
    BatchFiguresView,
    BegunBatch,
    ListedBatch,
    StoppedBatch,
)
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.pipeline.batch import BatchKind

router = APIRouter(prefix="/batches", tags=["batches"], route_class=ResourceRoute, dependencies=KNOWN)
Text = Annotated[str, Field(min_length=1, max_length=500)]
Usd = Annotated[float, Field(ge=0, le=1_000_000_000)]
Tokens = Annotated[int, Field(ge=0, le=2**53)]
Failures = Annotated[int, Field(ge=0, le=1_000_000)]
Concurrency = Annotated[int, Field(ge=1, le=100)]


class NewBatch(RequestBody):
    """Projects to build on one account: those that meet all ``conditions``, such as ``state=failed``.

    ``settings`` are of the batch alone, such as ``llm=anthropic:claude-sonnet-5-5``; ``canary`` projects go first.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    kind: BatchKind = "build"
    conditions: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    settings: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    budget_usd: Usd | None = None
    budget_tokens: Tokens | None = None
    concurrency: Concurrency = 2
    canary: Failures = 3
    max_failures: Failures = 5
    dry_run: bool = False


class BatchResumption(RequestBody):
    """New limits of a batch that is taken up again; what is left out stays."""

    budget_usd: Usd | None = None
    budget_tokens: Tokens | None = None
    no_budget: bool = False
    concurrency: Concurrency | None = None
    max_failures: Failures | None = None
    leave_failed: bool = False


class BatchComparison(View):
    """What the projects of two batches add up to, by the batches' names."""

    batches: dict[str, BatchFiguresView]


@router.get("")
def list_batches(caller: Caller, page: PageParameters) -> Page[ListedBatch]:
    """List the newest batches; an operator's."""
    found = batches.list_batches(caller.services, caller.actor, 1000)
    return Page.listed(found, page, lambda item: item.name)


@router.post("", status_code=201)
def begin_batch(caller: Caller, body: NewBatch) -> BegunBatch:
    """Choose projects, and have the daemon build them on one account; an operator's. `dry_run` only chooses."""
    return batches.begin(caller.services, caller.actor, batches.BeginBatch(**body.model_dump()))


@router.post("/{name}/stop")
def stop_batch(caller: Caller, name: Name) -> StoppedBatch:
    """Stop a batch: nothing more is begun, and its runs are cancelled; an operator's."""
    return batches.stop(caller.services, caller.actor, name)


@router.post("/{name}/resume")
def resume_batch(caller: Caller, name: Name, body: BatchResumption) -> BatchDetails:
    """Take a batch up again, with new limits where they are given; an operator's."""
    command = batches.ResumeBatch(name=name, **body.model_dump())
    batches.resume(caller.services, caller.actor, command)
    return batches.show_batch(caller.services, caller.actor, name)


@router.get("/{name}/compare")
def compare_batches(
    caller: Caller,
    name: Name,
    other: Annotated[str, Query(max_length=60, description="The batch that it is compared with.")],
    everything: Annotated[
        bool, Query(description="Of all projects, not only of those that have ended in both.")
    ] = False,
) -> BatchComparison:
    """Compare the figures of two batches; an operator's."""
    found = batches.compare(caller.services, caller.actor, name, other, everything=everything)
    return BatchComparison(batches=found)


@router.get("/{name}")
def read_batch(caller: Caller, name: Name) -> BatchDetails:
    """Read a batch with its projects; an operator's."""
    return batches.show_batch(caller.services, caller.actor, name)
