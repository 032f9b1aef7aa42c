"""What the producer of an artifact may use: its declared inputs, the engine, the project's units, and nothing else."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import FileKind, PlanFault, Stories, VerifiedBuild
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.target import HostKind, Target
from hishamos_pipeline.core.pipeline.batch import NO_BATCH, BatchOverrides
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.generation.artifact_storage import keep_tree
from hishamos_pipeline.generation.export_policy import ExportPolicy
from hishamos_pipeline.generation.file_history import FileHistory
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.scoping import waiting_of
from hishamos_pipeline.generation.units import UnitMaker
from hishamos_pipeline.sandbox.interface import Sandbox
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import decoded, readable
from hishamos_pipeline.store.credentials.repository import Credentials
from hishamos_pipeline.store.deliveries.repository import Deliveries
from hishamos_pipeline.store.exports.repository import ExportRequests
from hishamos_pipeline.toolchains.interface import Toolchains
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.storage import Storage
from hishamos_pipeline.workspace.tree import limits_of, write_tree

D = TypeVar("D", bound=Document)
I = TypeVar("I", bound=Document)  # noqa: E741 - an input
Q = TypeVar("Q", bound=Document)


# How far back what was made from the same inputs is looked for.
_REVISIONS_BACK = 20


class UndeclaredInputError(LookupError):
    """A producer reads an artifact that the graph does not declare as its input: a fault of the code."""


@dataclass(frozen=True, slots=True)
class StepServices:
    """What contexts are made of; the step runner has it, producers have not.

    Args:
        project: the project.
        engine: answers the roles' tasks.
        sandbox: gives what runs the generated code, when the first is to be run.
        toolchains: gives what it is run with.
        overrides: those of the batch that the project is built for.
        keys: gives the value of a variable or stored credential, empty if there is none.
    """

    project: Project
    engine: Engine
    sandbox: Callable[[], Sandbox]
    toolchains: Callable[[], Toolchains]
    overrides: BatchOverrides = NO_BATCH
    keys: Callable[[str], str] = lambda _: ""

    @property
    def exports(self) -> ExportPolicy:
        """Which exports are asked for."""
        return ExportPolicy(self.project)

    @property
    def fresh(self) -> bool:
        """Whether models are asked again, even for units that the store has."""
        return self.project.settings.llm_cache == "refresh"


class StepContext:
    """One step of a project, as its producer sees it.

    Args:
        artifact: what is to be made, by its name in the graph.
        inputs: the revisions that it is made from: as they were when the step began, all that can be read.
        services: what the step works with.
        version: the code version that the artifact will have.
        backlog: says what waits, in place of the newest one.
    """

    def __init__(
        self,
        artifact: str,
        inputs: Mapping[str, ArtifactRevision],
        services: StepServices,
        version: str,
        backlog: Stories | None = None,
    ) -> None:
        self.kind, self._inputs, self._services, self._version = artifact, inputs, services, version
        self._backlog = backlog

    @property
    def key(self) -> str:
        """The project's key."""
        return self._services.project.key

    @property
    def settings(self) -> Settings:
        """Limits."""
        return self._services.project.settings

    def read(self, artifact: str, as_type: type[D]) -> D:
        """The document of a declared input.

        Raises:
            UndeclaredInputError: the graph does not declare it: a fault of the producer.
        """
        return decoded(self.revision(artifact), as_type)

    def revision(self, artifact: str) -> ArtifactRevision:
        """The revision of a declared input, with who made it.

        Raises:
            UndeclaredInputError: see ``read``.
        """
        if artifact not in self._inputs:
            declared = ", ".join(STEPS[self.kind].inputs) or "nothing"
            raise UndeclaredInputError(
                f"the producer of {self.kind} reads {artifact}, which is not among its declared inputs: {declared}"
            )
        return self._inputs[artifact]

    def blobs(self, hashes: Iterable[str]) -> dict[str, str]:
        """Texts of files by their SHA-256."""
        return self._services.project.blobs(hashes)

    async def ask(self, task: Task[Q, D], question: Q) -> D:
        """Have the engine answer a task, on the account of this artifact.

        Raises:
            UnbuildableError, ModelError: see ``Engine.answer``.
        """
        return await self._services.engine.answer(task, question, Purpose(self.key, self.kind))

    def asks_models(self, task: Task[Q, D]) -> bool:
        """Whether a task is put to a model, so that asking less of it costs less."""
        return self._services.engine.asks_models(task)

    @property
    def units(self) -> UnitMaker:
        """Makes the units of this artifact."""
        given = self._services
        return UnitMaker(
            self.key, self.kind, given.engine, given.project.store.units, given.overrides, given.fresh
        )

    def history(self, file_kind: FileKind) -> FileHistory | None:
        """The files of a kind as they were made before; ``None`` where all is to be made anew."""
        given = self._services
        if given.fresh or given.overrides.anew:
            return None
        return FileHistory(given.project, file_kind, given.engine, given.overrides.only)

    @property
    def first_submitted_at(self) -> datetime:
        """When the project's first brief was submitted."""
        return self._services.project.store.projects.idea_revision(self.key, 1).submitted_at

    @property
    def first_day(self) -> date:
        """The day of that."""
        return self.first_submitted_at.date()

    def edited_files(self) -> dict[str, str]:
        """The texts of this artifact's files that people have edited, by path."""
        return self._services.project.edited_files(self.kind)

    def edited_items(self, kinds: Collection[str]) -> set[str]:
        """Items of declared inputs that people have edited.

        Raises:
            UndeclaredInputError: see ``read``.
        """
        edits = self._services.project.store.edits
        return {e.item for artifact in kinds for e in edits.active(self.key, self.revision(artifact).kind)}

    def plan_faults(self) -> tuple[PlanFault, ...]:
        """What the verification of the plan as it is has found wrong with it."""
        return self._services.project.plan_faults()

    def waiting(self) -> tuple[str, ...]:
        """The requirements, by id, that wait for a later build."""
        return waiting_of(self._services.project, self._backlog)

    def before(self, as_type: type[D]) -> D | None:
        """The newest document of this artifact; ``None`` if there is none, or none that this release can read."""
        return self._services.project.store.artifacts.before(self.key, self.kind, as_type)

    def input_before(self, artifact: str, as_type: type[I]) -> I | None:
        """The declared input that the newest revision of this artifact was made from, whatever has made that."""
        row = self._services.project.store.artifacts.head(self.key, self.kind)
        return self._services.project.input_of(row, artifact, as_type) if row else None

    def earlier_with(self, as_type: type[D], artifact: str, input_type: type[I]) -> Iterator[tuple[D, I]]:
        """The documents of this artifact, newest first, each with the document of a declared input that it was made of.

        They go back as far as the same rules, prompts and models have made them and nobody has edited them since; where
        there is none, all is to be asked for anew. One is read when it is come to.
        """
        for row in self._revisions():
            if row.code_version != self._version or self._is_outdated(row):
                return
            document, made_from = (
                readable(row, as_type),
                self._services.project.input_of(row, artifact, input_type),
            )
            if document is None or made_from is None:
                return
            yield document, made_from
            if row.origin == "human":
                return

    def _revisions(self) -> Iterator[ArtifactRevision]:
        """The newest revisions of this artifact; older ones than the first are read only if they are asked for."""
        artifacts = self._services.project.store.artifacts
        head = artifacts.head(self.key, self.kind)
        if head is not None:
            yield head
            older = (row for row in artifacts.history(self.key, self.kind) if row.revision < head.revision)
            yield from reversed(list(older)[-_REVISIONS_BACK:])

    def _is_outdated(self, row: ArtifactRevision) -> bool:
        given = self._services
        return given.fresh or (given.overrides.anew and row.batch != given.overrides.batch)


class IdeaContext(StepContext):
    """The context of the idea, whose only input is what was submitted."""

    def submitted(self) -> Idea:
        """The newest submitted brief."""
        return self._services.project.idea()


class BuildContext(StepContext):
    """The context of the verified build: what runs generated code, and the place where the tree is published."""

    @property
    def sandbox(self) -> Callable[[], Sandbox]:
        """Gives what runs the generated code."""
        return self._services.sandbox

    @property
    def toolchains(self) -> Callable[[], Toolchains]:
        """Gives what it is run with."""
        return self._services.toolchains

    def units_of(self, artifact: str) -> UnitMaker:
        """Makes units that another artifact is made of, on its account, so that it finds them made."""
        return replace(self.units, kind=artifact)

    def spent(self) -> tuple[int, float]:
        """Calls and US dollars that this artifact has taken so far, all of its revisions."""
        spent = self._services.project.store.calls.spent(self.key, self.kind)
        return spent.calls, spent.cost_usd

    def staging(self) -> AbstractContextManager[Path]:
        """An empty folder to work in, removed at the end."""
        return self._services.project.folder.staging(self.kind)

    def publish(self, build: VerifiedBuild, texts: Mapping[str, str], staging: Path) -> None:
        """Publish the tree of a build by one rename, and record its files and verified stories.

        Args:
            build: names the files.
            texts: their texts by SHA-256.
            staging: the folder of ``staging``.

        Raises:
            PathError, TreeLimitError: the tree may not be written.
            StorageError: the disk or the storage refuses.
        """
        project, final = self._services.project, staging / "final"
        write_tree(final, build.files, texts, limits_of(self.settings))
        keep_tree(project.storage, project.folder, final, build)
        path = project.folder.publish_folder("tree", final, build.tree_hash)
        store = project.store
        kept = [*build.files, *(file for item in build.deferrals for file in item.tests)]
        store.units.add_blobs(texts[file.sha256] for file in kept)
        store.deliveries.record_tree(self.key, str(path), build.files, passed=build.passed)
        store.backlog.mark_verified(
            self.key,
            build.stories_verified,
            {item.story: item.reason for item in build.deferrals},
            {story.id: story.reason for story in self.read("stories", Stories).waiting},
        )


class DeliveryContext(StepContext):
    """The context of what leaves the pipeline: requests, records of exports, hosts, and the published files."""

    @property
    def exports(self) -> ExportPolicy:
        """Which exports are asked for."""
        return self._services.exports

    def wants(self, export: str) -> bool:
        """Whether an export is asked for."""
        return self._services.exports.asked().wants(export)

    def target(self, host_kind: HostKind, options: Target | None = None) -> Target:
        """What a publication is made with; see ``ExportPolicy.target``."""
        return self._services.exports.target(host_kind, options)

    @property
    def folder(self) -> ProjectFolder:
        """The project's folder on this machine."""
        return self._services.project.folder

    @property
    def storage(self) -> Storage | None:
        """Where published files are kept besides."""
        return self._services.project.storage

    @property
    def deliveries(self) -> Deliveries:
        """The records of exports."""
        return self._services.project.store.deliveries

    @property
    def requests(self) -> ExportRequests:
        """Requests for exports."""
        return self._services.project.store.export_requests

    @property
    def credentials(self) -> Credentials:
        """The encrypted credentials."""
        return self._services.project.store.credentials

    @property
    def keys(self) -> Callable[[str], str]:
        """Gives the value of a variable or stored credential."""
        return self._services.keys

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        return self._services.project.store.clock.now

    @property
    def is_first(self) -> bool:
        """Whether this artifact was never recorded before."""
        return self._services.project.store.artifacts.head(self.key, self.kind) is None
