"""Files as units of work: one whose key is known is taken from the store, the rest are made at once."""

import asyncio
from collections.abc import Sequence

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import FileRequest, FileText, Task
from hishamos_pipeline.core.documents import Architecture, FileKind, Stories, TreeFile
from hishamos_pipeline.core.hashing import sha256_text
from hishamos_pipeline.core.ids import story_test_path
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.units import MadeUnit


async def make_files(
    store: ProjectStore,
    engine: Engine,
    *,
    key: str,
    kind: str,
    task: Task[FileRequest, FileText],
    requests: Sequence[tuple[FileRequest, tuple[str, ...]]],
) -> tuple[tuple[TreeFile, ...], int]:
    """Make files, or take them from the store.

    Each file is stored as soon as it is made, so that a crash loses none that was finished.

    Args:
        store: keeps the units.
        engine: makes what is missing.
        key: the project.
        kind: the artifact that the files belong to.
        task: how the engine is asked for a file.
        requests: the files, each with the ids of the stories that it serves.

    Returns:
        The files in the order asked for, and how many of them had to be made.
    """
    keys = await asyncio.to_thread(lambda: [engine.fingerprint(task, request) for request, _ in requests])
    texts = store.units.find(key, keys)
    missing = {unit: request for unit, (request, _) in zip(keys, requests, strict=True) if unit not in texts}

    async def make(unit: str, request: FileRequest) -> None:
        answer = await engine.answer(task, request)
        made = MadeUnit(name=request.path, unit_key=unit, text=answer.text)
        store.units.add(key, kind, [made])  # at once: a cancelled sibling must not lose what it has made
        texts[unit] = answer.text

    try:
        async with asyncio.TaskGroup() as group:
            for unit, request in missing.items():
                group.create_task(make(unit, request))
    except* HishamosError as errors:
        raise errors.exceptions[0] from None  # the first says enough; the others stopped with it
    files = tuple(
        _tree_file(request.path, texts[unit], stories)
        for unit, (request, stories) in zip(keys, requests, strict=True)
    )
    return files, len(missing)


def planned_requests(
    architecture: Architecture, stories: Stories, kind: FileKind
) -> list[tuple[FileRequest, tuple[str, ...]]]:
    """Requests for the planned files of a kind; one about entities serves the stories about them."""
    by_requirement = {name: story.id for story in stories.planned for name in story.requirements}
    requests = []
    for file in architecture.files:
        if file.kind == kind:
            served = {by_requirement[name] for name in file.requirements if name in by_requirement}
            requests.append(
                (
                    FileRequest(path=file.path, architecture=architecture, stories=stories),
                    tuple(sorted(served)) if file.entities else (),
                )
            )
    return requests


def story_test_requests(
    architecture: Architecture, stories: Stories
) -> list[tuple[FileRequest, tuple[str, ...]]]:
    """Requests for the test files: what they share, and one for each planned story."""
    return planned_requests(architecture, stories, "test") + [
        (
            FileRequest(
                path=story_test_path(story.id, story.title), architecture=architecture, stories=stories
            ),
            (story.id,),
        )
        for story in stories.planned
    ]


def _tree_file(path: str, text: str, stories: tuple[str, ...]) -> TreeFile:
    return TreeFile(path=path, sha256=sha256_text(text), size=len(text.encode()), stories=stories)
