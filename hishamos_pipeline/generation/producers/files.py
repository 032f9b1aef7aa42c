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
from hishamos_pipeline.generation.file_asks import FILE_TASKS, FileAsk, Plans, file_asks

_MOST_NAMED = 3


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
    reasons: dict[str, list[str]] = {}
    for story in stories.left_out:
        reasons.setdefault(story.reason, []).append(story.id)
    told = [f"{', '.join(ids[:_MOST_NAMED])} {reason}" for reason, ids in reasons.items()]
    more = f" (and {len(told) - _MOST_NAMED} more)" if len(told) > _MOST_NAMED else ""
    shown = "; ".join(told[:_MOST_NAMED]) or "there is no story"
    return f"none of the {len(stories.stories)} stories can be implemented: {shown}{more}"


async def _write(step: StepContext, file_kind: FileKind) -> FileSet:
    """Make the planned files of one kind.

    Raises:
        UnbuildableError: no story can be implemented, so that there is nothing to make.
    """
    plans = _plans(step, file_kind)
    if file_kind != "ci" and not plans.stories.planned:
        raise UnbuildableError(nothing_to_build(plans.stories))
    asks = file_asks(plans, file_kind)
    copies = {file.path: file.copy_of for file in plans.architecture.files if file.copy_of}
    if not asks:
        raise UnbuildableError(
            f"the architecture plans no {file_kind} files, because no story can be implemented"
        )
    written = [ask for ask in asks if ask.name not in copies]
    if history := step.history(file_kind):
        written = history.with_earlier(written, plans)
    texts = {
        name: answer.text for name, answer in (await step.units.make(FILE_TASKS[file_kind], written)).items()
    }
    return FileSet(
        files=tuple(
            _copy(ask, copies[ask.name], plans) if ask.name in copies else _tree_file(ask, texts[ask.name])
            for ask in asks
        )
    )


def _plans(step: StepContext, file_kind: FileKind) -> Plans:
    architecture = step.read("architecture", Architecture)
    if file_kind == "ci":
        return Plans(architecture)
    return Plans(
        architecture,
        step.read("stories", Stories),
        step.read("requirements", Requirements),
        step.edited_files(),
    )


def _tree_file(ask: FileAsk, text: str) -> TreeFile:
    return TreeFile(path=ask.name, sha256=sha256_text(text), size=len(text.encode()), stories=ask.stories)


def _copy(ask: FileAsk, name: str, plans: Plans) -> TreeFile:
    """A file beside the brief, as it was handed in.

    Raises:
        UnbuildableError: it was taken back since the plan was made.
    """
    files = plans.requirements.files if plans.requirements else ()
    handed = next((file for file in files if file.path == name), None)
    if handed is None:
        raise UnbuildableError(f"the plan copies {name}, which is not handed in any more")
    return TreeFile(path=ask.name, sha256=handed.sha256, size=handed.size, stories=ask.stories)
