"""Reading what there is of a project: artifacts, files, revisions, differences, and the trace through all of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import decoded
from hishamos_pipeline.store.deliveries.records import DeliveredFile
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore

_TEXTS_AT_ONCE = 20


class ArtifactView(View):
    """The newest revision of an artifact."""

    artifact: str
    revision: int
    content_hash: str
    engine: str
    origin: str
    seconds: float
    created_at: datetime


class ArtifactContent(View):
    """The content of an artifact, with the hash that an approval names."""

    content_hash: str
    content: dict[str, Any]


class RevisionView(View):
    """A revision in the history of a project; ``state`` is its number there."""

    state: int
    artifact: str
    revision: int
    created_at: datetime
    origin: str
    by: str
    reason: str
    content_hash: str
    cost_usd: float
    calls: int


class ItemChangeView(View):
    """How an item differs between two revisions; ``diff`` is a unified diff of its text."""

    kind: str
    item: str
    status: str
    diff: str


class FileView(View):
    """A file of the newest tree: size in bytes, POSIX mode in octal, and the stories that it serves."""

    path: str
    size: int
    sha256: str
    mode: str
    stories: tuple[str, ...]


class FileContent(FileView):
    """A file of the newest tree with its text."""

    text: str


class TraceRowView(View):
    """A line of the trace: requirement, story, criterion, test with its result, files, commit and cost.

    ``external_id`` is the one that the brief gives the requirement, such as "FR-001".
    """

    requirement: str
    external_id: str
    story: str
    status: str
    criterion: str
    test: str
    result: str
    files: tuple[str, ...]
    commit: str
    cost_usd: float


class TraceView(View):
    """The trace of a project, or what of it is tied to one item, with the files and tests that belong to nothing."""

    rows: tuple[TraceRowView, ...]
    orphans: tuple[str, ...]


@requires("projects.read", project="key")
def list_artifacts(services: Services, actor: Actor, key: str) -> list[ArtifactView]:
    """The newest revision of every artifact that exists, in the order of the graph.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    heads = services.acting_as(actor).store.artifacts.heads(key)
    return [ArtifactView.of(heads[artifact], artifact=artifact) for artifact in STEPS if artifact in heads]


@requires("projects.read", project="key")
def read_artifact(services: Services, actor: Actor, key: str, artifact: str) -> ArtifactContent:
    """The newest content of an artifact.

    Raises:
        ArtifactMissingError: it was never made.
    """
    row = services.acting_as(actor).store.artifacts.require(key, artifact)
    return ArtifactContent(
        content_hash=row.content_hash, content=decoded(row, STEPS[row.kind].document).model_dump(mode="json")
    )


@requires("projects.read", project="key")
def history(services: Services, actor: Actor, key: str, artifact: str = "") -> list[RevisionView]:
    """The revisions of a project, or of one of its artifacts, the oldest first.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    rows = enumerate(services.acting_as(actor).store.artifacts.history(key), start=1)
    return [_revision(number, row) for number, row in rows if not artifact or row.kind == artifact]


@requires("projects.read", project="key")
def diff(services: Services, actor: Actor, key: str, before: str, after: str) -> list[ItemChangeView]:
    """What has changed from one revision to another; see ``changing.revisions.changes``.

    Raises:
        EditError: that is no revision, or they are of different artifacts.
        ArtifactMissingError: there is no such revision.
    """
    from hishamos_pipeline.changing.revisions import changes

    found = changes(services.acting_as(actor).store, key, before, after)
    return [ItemChangeView.of(item) for item in found]


@requires("projects.read", project="key")
def list_files(services: Services, actor: Actor, key: str, page: PageQuery) -> Page[FileView]:
    """A page of the files of the newest tree by path, those whose path contains a text.

    Raises:
        ProjectNotFoundError: there is no such project.
        UsageError: the page's order or cursor is none.
    """
    return Page.showing(services.store.deliveries.files(key, page), _file)


@requires("projects.read", project="key")
def read_file(services: Services, actor: Actor, key: str, path: str) -> FileContent:
    """A file of the newest tree with its text.

    Raises:
        ArtifactMissingError: there is no such file.
    """
    file, text = services.store.deliveries.file(key, path)
    return FileContent(**dict(_file(file)), text=text)


@requires("projects.read", project="key")
def read_folder(services: Services, actor: Actor, key: str, folder: str = "") -> Iterator[FileContent]:
    """The files of a folder of the newest tree with their texts, by path; all of them for no folder.

    A few texts are read at a time: a tree is larger than what should be held at once.

    Raises:
        ArtifactMissingError: there is no such folder.
    """
    found = services.store.deliveries.folder(key, folder)
    if not found:
        raise ArtifactMissingError(f"project {key!r} has no folder {folder!r}")
    return _contents(services.store, found)


def _contents(store: ProjectStore, files: Sequence[DeliveredFile]) -> Iterator[FileContent]:
    for start in range(0, len(files), _TEXTS_AT_ONCE):
        some = files[start : start + _TEXTS_AT_ONCE]
        texts = store.units.blobs(file.content_hash for file in some)
        for file in some:
            yield FileContent(**dict(_file(file)), text=texts[file.content_hash])


def _file(file: DeliveredFile) -> FileView:
    return FileView.of(file, sha256=file.content_hash, mode=oct(file.mode))


@requires("projects.read", project="key")
def trace(services: Services, actor: Actor, key: str, item: str = "") -> TraceView:
    """Requirements to stories, files, tests, results and commits, and back.

    Args:
        services: the services.
        actor: whoever asks.
        key: the project.
        item: a requirement, a story, a criterion, a path, a test or a commit; empty for everything.

    Raises:
        ArtifactMissingError: it has not been planned, nothing is tied to the item, or the item was retired.
    """
    from hishamos_pipeline.core.artifacts import tracing
    from hishamos_pipeline.generation.traces import traced

    project = traced(services.acting_as(actor).project_data(key))
    rows, lost = tracing.trace(project), tracing.orphans(project)
    if item:
        rows = tracing.matching(rows, item)
        lost = [line for line in lost if line.startswith(item)]
        retired = {thing.id for thing in project.requirements.retired}
        retired |= {story.id for story in project.stories.retired}
        if item in retired:
            raise ArtifactMissingError(f"{item} was retired; `hishamos history {key}` shows when")
        if not rows and not lost:
            raise ArtifactMissingError(f"nothing of {key!r} is tied to {item!r}: see `hishamos trace {key}`")
    return TraceView(rows=tuple(TraceRowView.of(row) for row in rows), orphans=tuple(lost))


def _revision(number: int, row: ArtifactRevision) -> RevisionView:
    return RevisionView.of(row, state=number, artifact=row.kind, by=row.author or row.engine)
