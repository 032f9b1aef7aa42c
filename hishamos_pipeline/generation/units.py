"""Units of work: one whose key is known is taken from the store, the rest are made as soon as they can be."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

from hishamos_pipeline.agents.tasks import FileRequest, FileText, SourceText, Task
from hishamos_pipeline.core.document import Document
from hishamos_pipeline.core.documents import Architecture, FileKind, Stories, TreeFile
from hishamos_pipeline.core.hashing import sha256_text
from hishamos_pipeline.core.ids import story_test_path
from hishamos_pipeline.core.spending import Purpose
from hishamos_pipeline.errors import HishamosError, PlanningError
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.store.units import MadeUnit

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


@dataclass(frozen=True, slots=True)
class Ask(Generic[Q, A]):
    """A unit to be made: its question may need the answers of the units that it comes ``after``."""

    name: str
    question: Callable[[Mapping[str, A]], Q]
    after: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()


async def make_units(
    run: ProjectRun,
    kind: str,
    task: Task[Q, A],
    asks: Sequence[Ask[Q, A]],
    given: Mapping[str, A] | None = None,
) -> dict[str, A]:
    """Make units in topological order, or take them from the store.

    Each is stored as soon as it is made, so that a crash loses none that was finished; one begins as soon as those
    that it needs are there.

    Args:
        run: the project; its store keeps the units, its engine makes what is missing.
        kind: the artifact that the units belong to.
        task: how the engine is asked.
        asks: the units; a name in ``after`` that is none of them is ignored.
        given: what people have written in place of some answers: those that come after are asked about that.

    Raises:
        PlanningError: units that wait for one another in a circle.
    """
    by_name = {ask.name: ask for ask in asks}
    order = TopologicalSorter({ask.name: [n for n in ask.after if n in by_name] for ask in asks})
    try:
        order.prepare()
    except CycleError as error:
        raise PlanningError(
            f"files depend on one another in a circle: {' -> '.join(error.args[1])}", ()
        ) from None
    answers: dict[str, A] = {}
    failed: list[HishamosError] = []

    async def make(name: str, unit: str, question: Q) -> None:
        try:
            answer = await run.engine.answer(task, question, Purpose(run.key, kind, name))
        except HishamosError as error:
            failed.append(error)  # no more are begun; those that run are paid, so they are finished and kept
            return
        # At once: a cancelled sibling must not lose what it has made.
        made = MadeUnit(name=name, unit_key=unit, text=_encoded(answer))
        run.store.units.add(run.key, kind, [made], fleet=run.terms.fleet, again=run.fresh or run.terms.anew)
        answers[name] = answer
        order.done(name)
        begin()

    def begin() -> None:
        while not failed and (ready := order.get_ready()):
            known_answers = {**answers, **(given or {})}
            questions = {name: by_name[name].question(known_answers) for name in ready}
            units = {name: run.engine.fingerprint(task, question) for name, question in questions.items()}
            known = {} if run.fresh else run.store.units.find(run.key, units.values(), run.terms.only)
            for name in ready:
                if units[name] in known:
                    answers[name] = _decoded(known[units[name]], task.answer)
                    order.done(name)
                else:
                    group.create_task(make(name, units[name], questions[name]))

    async with asyncio.TaskGroup() as group:
        begin()
    if failed:
        raise failed[0]
    return {ask.name: answers[ask.name] for ask in asks}


def _encoded(answer: Document) -> str:
    return answer.text if isinstance(answer, FileText) else answer.model_dump_json()


def _decoded(text: str, as_type: type[A]) -> A:
    # A file's text is kept as it is: its blob is the file.
    return as_type(text=text) if issubclass(as_type, FileText) else as_type.model_validate_json(text)


FileAsk = Ask[FileRequest, FileText]


async def make_files(
    run: ProjectRun,
    kind: str,
    task: Task[FileRequest, FileText],
    asks: Sequence[FileAsk],
    given: Mapping[str, FileText] | None = None,
) -> tuple[TreeFile, ...]:
    """Make files, in the order asked for; see ``make_units``."""
    answers = await make_units(run, kind, task, asks, given)
    return tuple(_tree_file(ask.name, answers[ask.name].text, ask.stories) for ask in asks)


def planned_asks(architecture: Architecture, stories: Stories, kind: FileKind) -> list[FileAsk]:
    """The planned files of a kind; one about entities or requirements serves the stories about them."""
    by_requirement: dict[str, set[str]] = {}
    for story in stories.planned:
        for name in story.requirements:
            by_requirement.setdefault(name, set()).add(story.id)
    asks = []
    for file in architecture.files:
        if file.kind == kind:
            served = {story for name in file.requirements for story in by_requirement.get(name, ())}
            about = bool(file.entities or file.interface)
            asks.append(
                _file_ask(file.path, architecture, stories, file.depends_on, served if about else set())
            )
    return asks


def story_test_asks(architecture: Architecture, stories: Stories) -> list[FileAsk]:
    """The test files: what they share, and one for each planned story."""
    return planned_asks(architecture, stories, "test") + [
        _file_ask(story_test_path(story.id, story.title), architecture, stories, (), {story.id})
        for story in stories.planned
    ]


def _file_ask(
    path: str, architecture: Architecture, stories: Stories, after: tuple[str, ...], served: set[str]
) -> FileAsk:
    def question(answers: Mapping[str, FileText]) -> FileRequest:
        known = tuple(SourceText(path=name, text=answers[name].text) for name in after if name in answers)
        return FileRequest(path=path, architecture=architecture, stories=stories, dependencies=known)

    return Ask(path, question, after, tuple(sorted(served)))


def _tree_file(path: str, text: str, stories: tuple[str, ...]) -> TreeFile:
    return TreeFile(path=path, sha256=sha256_text(text), size=len(text.encode()), stories=stories)
