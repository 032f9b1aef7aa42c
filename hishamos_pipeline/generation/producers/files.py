"""The files of the project: source code, tests, documents and CI configuration, each a unit of its own."""

from hishamos_pipeline.core.artifacts.criteria import suite_of
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    FileKind,
    FileSet,
    Requirements,
    Stories,
    TestSuite,
    TreeFile,
)
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import UnbuildableError
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.producers.file_asks import FILE_TASKS, Plans, file_asks


async def write_source(step: StepContext) -> FileSet:
    """Make the planned source files; see ``_write``."""
    return await _write(step, "source")


async def write_tests(step: StepContext) -> TestSuite:
    """Make the test files, and read off which test shows which criterion; see ``_write``."""
    files = (await _write(step, "test")).files
    return suite_of(files, step.blobs(file.sha256 for file in files))


async def write_documents(step: StepContext) -> FileSet:
    """Make the planned documents; see ``_write``."""
    return await _write(step, "docs")


async def write_ci(step: StepContext) -> FileSet:
    """Make the planned files of the CI configuration; see ``_write``."""
    return await _write(step, "ci")


def nothing_to_build(stories: Stories) -> str:
    """Why a backlog without a planned story stops the pipeline."""
    reasons = "; ".join(f"{story.id} {story.reason}" for story in stories.deferred[:3])
    more = f" (and {len(stories.deferred) - 3} more)" if len(stories.deferred) > 3 else ""
    return f"none of the {len(stories.stories)} stories can be implemented: {reasons or 'there is no story'}{more}"


async def _write(step: StepContext, file_kind: FileKind) -> FileSet:
    """Make the planned files of one kind.

    Raises:
        UnbuildableError: no story can be implemented, so that there is nothing to make.
    """
    plans = _plans(step, file_kind)
    if file_kind != "ci" and not plans.stories.planned:
        raise UnbuildableError(nothing_to_build(plans.stories))
    asks = file_asks(plans, file_kind)
    if not asks:
        raise UnbuildableError(
            f"the architecture plans no {file_kind} files, because no story can be implemented"
        )
    answers = await step.units.make(FILE_TASKS[file_kind], asks, step.edited_files())
    return FileSet(files=tuple(_tree_file(ask.name, answers[ask.name].text, ask.stories) for ask in asks))


def _plans(step: StepContext, file_kind: FileKind) -> Plans:
    architecture = step.read("architecture", Architecture)
    if file_kind == "ci":
        return Plans(architecture)
    return Plans(architecture, step.read("stories", Stories), step.read("requirements", Requirements))


def _tree_file(path: str, text: str, stories: tuple[str, ...]) -> TreeFile:
    return TreeFile(path=path, sha256=sha256_text(text), size=len(text.encode()), stories=stories)
