"""One project on its way through the pipeline: reads inputs, makes what is stale, records states."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core import staleness
from hishamos_pipeline.core.document import Document
from hishamos_pipeline.core.documents import Archive, RepositoryRecord, VerifiedBuild
from hishamos_pipeline.core.fleet import ALONE, Terms
from hishamos_pipeline.core.graph import EXPORTS, STEPS
from hishamos_pipeline.core.hashing import file_sha256, sha256_text
from hishamos_pipeline.core.idea import Idea
from hishamos_pipeline.core.spending import Purpose
from hishamos_pipeline.core.target import Publication
from hishamos_pipeline.delivery.hosts.causes import WAITING_FOR_PEOPLE
from hishamos_pipeline.delivery.hosts.interface import HostKind
from hishamos_pipeline.errors import (
    ApprovalNeededError,
    BudgetError,
    CredentialError,
    HishamosError,
    HostError,
    ProjectNotFoundError,
    StoreAwayError,
    UnbuildableError,
)
from hishamos_pipeline.generation.former import forget_former
from hishamos_pipeline.generation.observing import making
from hishamos_pipeline.generation.safekeeping import restore_archive, restore_repository, restore_tree
from hishamos_pipeline.generation.settling import settled
from hishamos_pipeline.generation.targets import published_with
from hishamos_pipeline.generation.versions import code_version
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.sandbox.interface import Sandbox
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.artifacts import Producer
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.tables import ArtifactRevision, ExportRequest
from hishamos_pipeline.toolchains.interface import Toolchains
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.storage import open_storage

D = TypeVar("D", bound=Document)
Q = TypeVar("Q", bound=Document)
T = TypeVar("T")

_TRIES = 3
# A person has to do something before it can go on.
_BLOCKING = (UnbuildableError, ApprovalNeededError, BudgetError, CredentialError)
_FALLBACK = ":fallback"
_MISSING = "its files are missing"
_PUBLISHED: Mapping[str, HostKind] = {"github_repository": "github", "gitlab_project": "gitlab"}
_EXPORTED = {artifact: name for name, artifact in EXPORTS.items()}
# What a fleet that makes all anew makes anew: an accepted brief stays one, and exports follow the repository.
_MADE_ANEW = STEPS.keys() - {"idea", "repository", *EXPORTS.values()}


@dataclass(frozen=True, slots=True)
class Made(Generic[D]):
    """An artifact after a step: made now, or found to be up to date."""

    document: D
    row: ArtifactRevision
    reused: bool
    reason: str


class ProjectRun:
    """A project and everything that its steps work with.

    Args:
        key: the project's key.
        store: the project store.
        engine: answers the roles' tasks.
        sandbox: gives what runs the generated code, when the first is to be run.
        toolchains: gives what it is run with.
        settings: limits and folders.
        terms: those of the fleet that it is built for.
        keys: gives the value of a variable or stored credential, empty if there is none.
    """

    def __init__(
        self,
        key: str,
        *,
        store: ProjectStore,
        engine: Engine,
        sandbox: Callable[[], Sandbox],
        toolchains: Callable[[], Toolchains],
        settings: Settings,
        terms: Terms = ALONE,
        keys: Callable[[str], str] = lambda _: "",
    ) -> None:
        self.key = key
        self.store = store
        self.engine = engine
        self.sandbox = sandbox
        self.toolchains = toolchains
        self.settings = settings
        self.terms = terms
        self.keys = keys
        self.folder = ProjectFolder(settings.projects_dir, key)
        self.storage = open_storage(settings)
        self._before = ""
        self._memory: dict[str, Any] | None = None

    @property
    def fresh(self) -> bool:
        """Whether models are asked again, even for units that the store has."""
        return self.settings.llm_cache == "refresh"

    def outdated(self, row: ArtifactRevision) -> bool:
        """Whether an artifact is one that a fleet makes anew, and has not made yet."""
        return self.terms.anew and row.kind in _MADE_ANEW and row.fleet != self.terms.fleet

    def read(self, kind: str, as_type: type[D]) -> D:
        """The newest document of a kind.

        Raises:
            ArtifactMissingError: if it was never made.
        """
        return self.store.artifacts.read(self.key, kind, as_type)

    async def ask(self, kind: str, task: Task[Q, D], question: Q) -> D:
        """Have the engine answer a task, on the account of one of the project's artifacts.

        Raises:
            UnbuildableError, ModelError: see ``Engine.answer``.
        """
        return await self.engine.answer(task, question, Purpose(self.key, kind))

    async def foresee(self, kind: str, task: Task[Q, D], question: Q) -> D:
        """What the next revision of an artifact will be, where the engine answers for nothing; nothing is kept."""
        return settled(self.store, self.key, kind, await self.ask(kind, task, question), keep=False)

    async def make(self, kind: str, produce: Callable[[], Awaitable[D]]) -> Made[D]:
        """Make an artifact unless it is up to date, and record the project's state.

        Two runs of the same step wait for each other; the second then finds the artifact up to date.

        Args:
            kind: the artifact.
            produce: makes the document; its inputs are in the store.

        Raises:
            HishamosError: what ``produce`` raises; the project's state and reason are recorded first.
        """
        with making(self.store.counters, self.key, kind) as ended:
            started = time.monotonic()
            made = await self._make(kind, produce)
            ended(made.document, time.monotonic() - started, made.reused)
            return made

    async def _make(self, kind: str, produce: Callable[[], Awaitable[D]]) -> Made[D]:
        async with self._lock(kind):
            try:
                inputs = self._inputs(kind)
                head = self.store.artifacts.head(self.key, kind)
                reason = self.reason(kind, head, inputs)
                if head is not None and not reason:
                    document = self.read(kind, STEPS[kind].document)
                    return Made(document, head, reused=True, reason="up to date")  # type: ignore[arg-type]
                self._require_approvals(kind)
                started = time.monotonic()
                made = settled(self.store, self.key, kind, await produce())
                for _ in range(_TRIES):
                    seen, inputs = inputs, self._inputs(kind)
                    if seen == inputs:
                        break
                    # Another run has replaced an input meanwhile: what was made may be a mixture.
                    made = settled(self.store, self.key, kind, await produce())
                producer = self._producer(kind, inputs, time.monotonic() - started, head)
                again = head is not None and self.outdated(head)
                row = self.store.artifacts.write(
                    self.key, kind, made, replace(producer, reason=reason), again=again
                )
            except BaseException as caught:
                # Of several that were made at a time, the first that failed has ended the others.
                error = _first(caught)
                # Of a store that was lost nothing can be recorded; the step is tried again, and the sensor of failures
                # records the end of that.
                if not isinstance(error, StoreAwayError):
                    self._fail(kind, error)
                if error is caught:
                    raise
                raise error from caught
        return Made(made, row, reused=False, reason=reason)

    def _fail(self, kind: str, error: BaseException) -> None:
        """Record why a step was not made."""
        if isinstance(error, HishamosError):
            blocked = isinstance(error, _BLOCKING) or (
                isinstance(error, HostError) and error.cause in WAITING_FOR_PEOPLE
            )
            step = error.artifact if isinstance(error, ApprovalNeededError) else kind
            self.stop("blocked" if blocked else "failed", step, str(error))
        elif isinstance(error, asyncio.CancelledError):
            self.stop("failed", kind, "interrupted; build it again to go on")
        else:
            self.stop("failed", kind, f"{type(error).__name__}: {error}")

    def begin(self) -> None:
        """Record that a run of this project's steps has begun; a project without an idea has no state."""
        forget_former(self.store, self.folder)
        with suppress(ProjectNotFoundError):
            self._before = self.store.projects.get(self.key).state
            self.store.projects.set_state(self.key, "building")

    def stop(self, state: str, step: str, reason: str) -> None:
        """Record that the project got stuck at a step; the first reason of a run stands."""
        with suppress(ProjectNotFoundError):
            if self.store.projects.get(self.key).state == "building":
                self.store.projects.set_state(self.key, state, step=step, reason=reason)

    def settle(self) -> None:
        """Record how far the project has come, at the end of a run in which nothing got stuck."""
        try:
            now = self.store.projects.get(self.key).state
        except ProjectNotFoundError:
            return
        self.store.calls.drop_bodies(timedelta(days=self.settings.llm_body_days))
        if now != "building":
            return  # it got stuck, or a new revision was submitted meanwhile
        stale = {step.kind for step in self.plan()}
        if not stale:
            state = "exported"
        elif not stale & {"verified_build", *STEPS["verified_build"].inputs}:
            state = "verified"
        else:
            state = self._before or now  # only a part was made: it is where it was
        self.store.projects.set_state(self.key, state)

    def plan(self) -> tuple[staleness.PlannedStep, ...]:
        """What a build would make, and why; exports that nobody asks for are left out."""
        self._memory = {}
        try:
            return self._plan()
        finally:
            self._memory = None

    def _plan(self) -> tuple[staleness.PlannedStep, ...]:
        rows = self.store.artifacts.heads(self.key)
        heads = {kind: self._head(row) for kind, row in rows.items()}
        idea = self.store.projects.idea_revision(self.key)
        versions = {kind: self.version(kind) for kind in STEPS}
        steps = staleness.plan(heads, versions, idea.content_hash)
        return tuple(s for s in steps if s.kind not in _EXPORTED or self.wants(_EXPORTED[s.kind]))

    def reason(self, kind: str, row: ArtifactRevision | None, inputs: Mapping[str, str]) -> str:
        """Why an artifact has to be made; empty if it is up to date."""
        if kind == "idea":
            newest = self.store.projects.idea_revision(self.key)
            fresh = row is not None and row.inputs.get(staleness.SUBMITTED) == newest.content_hash
            return "" if fresh else "a new revision was submitted"
        head = self._head(row) if row else None
        return staleness.reason_to_make(kind, head, inputs, self.version(kind))

    def _head(self, row: ArtifactRevision) -> staleness.Head:
        fallback = row.code_version.endswith(_FALLBACK)
        problem = "made by the blueprint engine in place of a model" if fallback else self._problem(row)
        return staleness.Head(row.content_hash, row.inputs, row.code_version, problem)

    def version(self, kind: str) -> str:
        """The code version, with the thresholds of verification, and with all that a publication is made with."""
        version, given = code_version(kind, self.engine), self.settings
        if export := _PUBLISHED.get(kind):
            return sha256_text(f"{version}{published_with(self, export)}")[:32]
        if kind != "verified_build":
            return version
        rules = (
            given.min_coverage,
            given.min_mutants_killed,
            given.mutants_per_module,
            given.licences_denied,
        )
        return sha256_text(f"{version}{rules}{given.sandbox == 'unsafe-subprocess'}")[:32]

    def submit(self, brief: str, source: str) -> None:
        """Submit a brief for this very project, whatever key its title would give.

        Raises:
            IdeaError: the brief cannot be accepted.
        """
        idea = read_brief(
            brief.encode(),
            max_bytes=self.settings.max_brief_bytes,
            max_features=self.settings.max_features,
        )
        self.store.projects.submit(idea.model_copy(update={"key": self.key}), source)
        self.begin()  # by this very run: nothing else needs to start one

    def wants(self, export: str) -> bool:
        """Whether the brief or a request that stands asks for an export: ``zip``, ``tar``, ``github`` or ``gitlab``."""
        return export in self.submitted_idea().exports or self.standing(export) is not None

    def submitted_idea(self) -> Idea:
        """The newest submitted brief."""
        return self._remembered("idea", lambda: self.store.projects.idea(self.key))

    def standing(self, export: str) -> ExportRequest | None:
        """The request for an export that stands."""
        ask = self.store.export_requests.standing
        return self._remembered(f"request/{export}", lambda: ask(self.key, export))

    def _remembered(self, name: str, ask: Callable[[], T]) -> T:
        """What the store says; while a plan is made, as it was said the first time."""
        if self._memory is None:
            return ask()
        if name not in self._memory:
            self._memory[name] = ask()
        found: T = self._memory[name]
        return found

    def _inputs(self, kind: str) -> dict[str, str]:
        if kind == "idea":
            return {staleness.SUBMITTED: self.store.projects.idea_revision(self.key).content_hash}
        return {
            name: self.store.artifacts.require(self.key, name).content_hash for name in STEPS[kind].inputs
        }

    def _problem(self, row: ArtifactRevision) -> str:
        """Why an artifact cannot stand although nothing that it was made from has changed."""
        if self.outdated(row):
            return f"fleet {self.terms.fleet} makes it anew"
        try:
            return self._file_problem(row)
        except ValidationError:
            return "it cannot be read by this release"

    def _file_problem(self, row: ArtifactRevision) -> str:
        STEPS[row.kind].document.model_validate_json(row.content)
        if row.kind == "verified_build":
            build = VerifiedBuild.model_validate_json(row.content)
            if not build.passed:
                return "its verification failed"
            return "" if restore_tree(self.storage, self.folder, build) else _MISSING
        if row.kind == "repository":
            record = RepositoryRecord.model_validate_json(row.content)
            return "" if restore_repository(self.storage, self.folder, record) else _MISSING
        if row.kind in _EXPORTED:
            return self._export_problem(row)
        return ""

    def _export_problem(self, row: ArtifactRevision) -> str:
        made = STEPS[row.kind].document.model_validate_json(row.content)
        assert isinstance(made, Archive | Publication)
        kind = _EXPORTED[row.kind]
        if made.wanted != self.wants(kind):
            return "it is asked for now" if self.wants(kind) else "it is not asked for any more"
        request = self.standing(kind)
        if request and request.status == "requested":
            return "an export was requested"
        if made.wanted and self.store.deliveries.last_failed(self.key, kind):
            return "its last export failed"
        if isinstance(made, Publication) and made.wanted:
            known = self.store.deliveries.publication(self.key, kind)
            return "" if known else "where it was published was forgotten"
        if isinstance(made, Archive) and made.wanted:
            path = self.folder.path(made.path)
            if not restore_archive(self.storage, self.folder, made):
                return _MISSING
            return "" if file_sha256(path) == made.sha256 else "its file was changed"
        return ""

    def _require_approvals(self, kind: str) -> None:
        wanted = self.submitted_idea().approvals
        for name in STEPS[kind].inputs:
            if name in wanted and not self.store.artifacts.is_approved(self.key, name):
                raise ApprovalNeededError(
                    f"the idea asks for approval of {name}: read it with "
                    f"`hishamos artifacts show {self.key} {name}`, then run `hishamos approve {self.key} {name}`",
                    name,
                )

    def _producer(
        self, kind: str, inputs: Mapping[str, str], seconds: float, before: ArtifactRevision | None
    ) -> Producer:
        """Who made a revision; it costs what was spent since the one before, in runs that were killed too."""
        role = STEPS[kind].role
        spent = self.store.calls.spent(self.key, kind, since=before.created_at if before else None)
        if before is not None and not spent.models and before.origin == "agent":
            spent = replace(spent, models=[before.engine], prompt_versions=[before.prompt_version])
        # Models were asked in vain: the next build tries them again.
        fell = bool(spent.calls) and not spent.models
        return Producer(
            inputs=inputs,
            code_version=self.version(kind) + (_FALLBACK if fell else ""),
            role=role or "pipeline",
            engine=(", ".join(spent.models) or "blueprint")[:200] if role else "pipeline",
            origin="agent" if spent.models else "blueprint",
            seconds=round(seconds, 3),
            cost_usd=spent.cost_usd,
            calls=spent.calls,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            prompt_version=",".join(spent.prompt_versions)[:64],
            fleet=self.terms.fleet,
        )

    @asynccontextmanager
    async def _lock(self, kind: str) -> AsyncIterator[None]:
        with ExitStack() as stack:
            wait = self.settings.lock_seconds
            for lock in (
                self.folder.lock(kind, wait_seconds=wait),
                self.store.locks.hold(f"{self.key}/{kind}", wait_seconds=wait),
            ):
                await asyncio.to_thread(stack.enter_context, lock)
            yield


def _first(error: BaseException) -> BaseException:
    """The first failure of a group, however deep; any other error is its own."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
