"""Runs one step: lock, compare, produce, settle the revision, write it, and record the project's state."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Stories, VerifiedBuild
from hishamos_pipeline.core.artifacts.scope import scoped
from hishamos_pipeline.core.pipeline import staleness
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import ApprovalNeededError, StoreAwayError
from hishamos_pipeline.generation.artifact_storage import restore
from hishamos_pipeline.generation.context import StepContext, StepServices
from hishamos_pipeline.generation.instrumentation import making
from hishamos_pipeline.generation.lifecycle import Lifecycle
from hishamos_pipeline.generation.producers.table import Producer
from hishamos_pipeline.generation.revisioning import next_revision, write_rows
from hishamos_pipeline.generation.scoping import scope_of
from hishamos_pipeline.generation.staleness import FALLBACK, MISSING, Staleness
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import Provenance, as_revision, decoded, readable

D = TypeVar("D", bound=Document)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class StepResult(Generic[D]):
    """An artifact after a step: made now, or found to be up to date.

    ``remade`` are artifacts that were made again on the way, since this one has found them at fault.
    """

    document: D
    row: ArtifactRevision
    reused: bool
    reason: str
    remade: "Mapping[str, StepResult[Any]]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an artifact is made from: revisions by kind, and the hashes that are recorded with it."""

    rows: Mapping[str, ArtifactRevision]
    hashes: Mapping[str, str]


class StepRunner:
    """Makes artifacts of one project.

    Args:
        services: what the steps work with.
        states: says what is stale.
        lifecycle: records where the project got stuck.
        producers: makes which artifact.
    """

    def __init__(
        self,
        services: StepServices,
        states: Staleness,
        lifecycle: Lifecycle,
        producers: Mapping[str, Producer],
    ) -> None:
        self._services, self._staleness, self._lifecycle = services, states, lifecycle
        self._producers, self._project = producers, services.project

    async def make(self, artifact: str) -> StepResult[Any]:
        """Make an artifact unless it is up to date, and record the project's state.

        Two runs of the same step wait for each other; the second then finds the artifact up to date.

        Raises:
            HishamosError: what the producer raises; the project's state and reason are recorded first.
        """
        with making(self._project.store.counters, self._project.key, artifact) as ended:
            started = time.monotonic()
            async with self._lock(artifact):
                try:
                    made = await self._make(artifact)
                    if isinstance(made.document, VerifiedBuild) and self._project.plan_faults():
                        made = await self._with_revised_plan(artifact)
                    write_rows(self._project.store, self._project.key, made.document)
                except BaseException as caught:
                    error = self._recorded(artifact, caught)
                    if error is caught:
                        raise
                    raise error from caught
            ended(made.document, time.monotonic() - started, made.reused)
            return made

    async def _with_revised_plan(self, artifact: str) -> StepResult[Any]:
        """Make an artifact once more, from inputs made again where the plan that it has found at fault is in them."""
        remade = {name: await self.make(name) for name in STEPS[artifact].inputs}
        made = await self._make(artifact)
        return replace(made, remade={name: item for name, item in remade.items() if not item.reused})

    async def preview(self, artifact: str, inputs: Mapping[str, Document]) -> Any:
        """What an artifact would be if some of its inputs were other documents; nothing of it is written.

        What a model answers is kept as always, so that making it afterwards does not ask again.

        Args:
            artifact: which one.
            inputs: the documents by kind; the others are as they are.

        Raises:
            ArtifactMissingError: another input was never made.
            HishamosError: what the producer raises.
        """
        made = await self._producers[artifact].produce(self.context(artifact, inputs))
        document = next_revision(self._project.store, self._project.key, artifact, made, keep=False)
        return self._in_scope(document)

    def context(self, artifact: str, inputs: Mapping[str, Document] | None = None) -> Any:
        """The context in which an artifact would be made now, of the class that its producer takes.

        Args:
            artifact: which one.
            inputs: documents by kind that would be its inputs; the others are as they are. Stories among them say
                what waits, whether or not they are an input.

        Raises:
            ArtifactMissingError: another input was never made.
        """
        given = self._inputs_with(artifact, inputs) if inputs else self._inputs(artifact)
        backlog = cast("Stories | None", inputs.get("stories")) if inputs else None
        return self._context(artifact, given, backlog)

    def _context(self, artifact: str, inputs: Inputs, backlog: Stories | None = None) -> StepContext:
        as_type = self._producers[artifact].context
        return as_type(artifact, inputs.rows, self._services, self._staleness.version(artifact), backlog)

    async def _make(self, artifact: str) -> StepResult[Any]:
        artifacts, key = self._project.store.artifacts, self._project.key
        if artifact == "architecture" and scope_of(self._project):
            await self.make("stories")  # they say which requirements wait
        inputs = self._inputs(artifact)
        head = artifacts.head(key, artifact)
        reason = await asyncio.to_thread(self._reason, artifact, head, inputs)
        if head is not None and not reason:
            document = decoded(head, STEPS[artifact].document)
            return StepResult(document, head, reused=True, reason="up to date")
        self._require_approvals(inputs)
        started = time.monotonic()
        rescoped = self._rescoped(head, inputs)
        document = rescoped or await self._produced(artifact, inputs)
        for _ in range(_TRIES):
            seen, inputs = inputs, self._inputs(artifact)
            if seen.hashes == inputs.hashes:
                break
            # Another run has replaced an input meanwhile: what was made may be a mixture.
            document = await self._produced(artifact, inputs)
        provenance = self._provenance(artifact, inputs, time.monotonic() - started, head)
        # A damaged row has the hash of what it was.
        damaged = head is not None and readable(head, STEPS[artifact].document) is None
        again = head is not None and (damaged or self._staleness.is_outdated(head))
        row = artifacts.write(key, artifact, document, replace(provenance, reason=reason), again=again)
        if rescoped and head:
            artifacts.carry_approval(key, artifact, head.content_hash)
        return StepResult(document, row, reused=False, reason=reason)

    async def _produced(self, artifact: str, inputs: Inputs) -> Document:
        made = await self._producers[artifact].produce(self._context(artifact, inputs))
        return self._in_scope(next_revision(self._project.store, self._project.key, artifact, made))

    def _in_scope(self, document: Document) -> Document:
        return scoped(document, scope_of(self._project)) if isinstance(document, Stories) else document

    def _rescoped(self, head: ArtifactRevision | None, inputs: Inputs) -> Stories | None:
        """The newest backlog in another scope, where nothing but that has changed: nobody is asked."""
        if head is None or head.kind != "stories" or dict(head.inputs) != dict(inputs.hashes):
            return None
        if head.code_version != self._staleness.version(head.kind) or self._staleness.is_outdated(head):
            return None
        before = readable(head, Stories)
        document = scoped(before, scope_of(self._project)) if before else None
        return document if document != before else None

    def _inputs_with(self, artifact: str, given: Mapping[str, Document]) -> Inputs:
        heads = self._project.store.artifacts.heads(self._project.key)
        rows = {
            name: as_revision(name, given[name])
            if name in given
            else heads.get(name) or self._project.store.artifacts.require(self._project.key, name)
            for name in STEPS[artifact].inputs
        }
        return Inputs(rows, {name: row.content_hash for name, row in rows.items()})

    def _inputs(self, artifact: str) -> Inputs:
        store, key = self._project.store, self._project.key
        if artifact == "idea":
            return Inputs({}, {staleness.SUBMITTED: store.projects.idea_revision(key).content_hash})
        rows = {name: store.artifacts.require(key, name) for name in STEPS[artifact].inputs}
        return Inputs(rows, {name: row.content_hash for name, row in rows.items()})

    def _reason(self, artifact: str, head: ArtifactRevision | None, inputs: Inputs) -> str:
        """Why the artifact has to be made; files that are elsewhere are brought back first."""
        found = self._staleness.assess(head, artifact, inputs.hashes)
        if found.problem or head is None or found.presence != "restorable":
            return found.problem
        document = decoded(head, STEPS[artifact].document)
        return "" if restore(self._project, document) else MISSING

    def _require_approvals(self, inputs: Inputs) -> None:
        key, wanted = self._project.key, self._project.idea().approvals
        for name in inputs.rows:
            if name in wanted and not self._project.store.artifacts.is_approved(key, name):
                raise ApprovalNeededError(
                    f"the idea asks for approval of {name}: read it with "
                    f"`hishamos artifacts show {key} {name}`, then run `hishamos approve {key} {name}`",
                    name,
                )

    def _provenance(
        self, artifact: str, inputs: Inputs, seconds: float, before: ArtifactRevision | None
    ) -> Provenance:
        """Who made a revision; it costs what was spent since the one before, in runs that were killed too."""
        role, calls = STEPS[artifact].role, self._project.store.calls
        spent = calls.spent(self._project.key, artifact, since=before.created_at if before else None)
        if before is not None and not spent.models and before.origin == "agent":
            spent = replace(spent, models=[before.engine], prompt_versions=[before.prompt_version])
        # Models were asked in vain: the next build tries them again.
        fell = bool(spent.calls) and not spent.models
        return Provenance(
            inputs=inputs.hashes,
            code_version=self._staleness.version(artifact) + (FALLBACK if fell else ""),
            role=role or "pipeline",
            engine=(", ".join(spent.models) or "blueprint")[:200] if role else "pipeline",
            origin="agent" if spent.models else "blueprint",
            seconds=round(seconds, 3),
            cost_usd=spent.cost_usd,
            calls=spent.calls,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            prompt_version=",".join(spent.prompt_versions)[:64],
            batch=self._services.overrides.batch,
        )

    def _recorded(self, artifact: str, caught: BaseException) -> BaseException:
        """The error to raise, after the project's state was recorded."""
        # Of several that were made at a time, the first that failed has ended the others.
        error = _first(caught)
        # Of a store that was lost nothing can be recorded; the step is tried again, and the sensor of failures
        # records the end of that.
        if not isinstance(error, StoreAwayError):
            self._lifecycle.fail(artifact, error)
        return error

    @asynccontextmanager
    async def _lock(self, artifact: str) -> AsyncIterator[None]:
        with ExitStack() as stack:
            wait = self._project.settings.lock_seconds
            for lock in (
                self._project.folder.lock(artifact, wait_seconds=wait),
                self._project.store.locks.hold(f"{self._project.key}/{artifact}", wait_seconds=wait),
            ):
                await asyncio.to_thread(stack.enter_context, lock)
            yield


def _first(error: BaseException) -> BaseException:
    """The first failure of a group, however deep; any other error is its own."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
