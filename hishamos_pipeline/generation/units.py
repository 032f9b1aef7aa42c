"""Units of work: one whose key is known is taken from the store, the rest are made as soon as they can be."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import FileText, Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.batch import NO_BATCH, BatchOverrides
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.errors import HishamosError, PlanningError
from hishamos_pipeline.store.units.repository import MadeUnit, Units

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


@dataclass(frozen=True, slots=True)
class Ask(Generic[Q, A]):
    """A unit to be made: its question may need the answers of the units that it comes ``after``."""

    name: str
    question: Callable[[Mapping[str, A]], Q]
    after: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitMaker:
    """Makes the units of one artifact.

    Args:
        key: the project.
        kind: the artifact that the units belong to.
        engine: makes what is missing.
        units: keeps what is made.
        overrides: those of the batch that the project is built for.
        fresh: whether everything is asked for again.
    """

    key: str
    kind: str
    engine: Engine
    units: Units
    overrides: BatchOverrides = NO_BATCH
    fresh: bool = False

    async def make(
        self,
        task: Task[Q, A],
        asks: Sequence[Ask[Q, A]],
        given: Mapping[str, A] | None = None,
    ) -> dict[str, A]:
        """Make units in topological order, or take them from the store; the answers by name, in the order asked for.

        Each is stored as soon as it is made, so that a crash loses none that was finished; one begins as soon as those
        that it needs are there.

        Args:
            task: how the engine is asked.
            asks: the units; a name in ``after`` that is none of them is ignored.
            given: what people have written in place of some answers: those that come after are asked about that.

        Raises:
            PlanningError: units that wait for one another in a circle.
            HishamosError: what the engine raises; those that run meanwhile are finished and kept.
        """
        by_name = {ask.name: ask for ask in asks}
        order = _prepared({ask.name: [n for n in ask.after if n in by_name] for ask in asks})
        answers: dict[str, A] = {}
        failed: list[HishamosError] = []

        async def make(name: str, unit: str, question: Q) -> None:
            try:
                answer = await self.engine.answer(task, question, Purpose(self.key, self.kind, name))
            except HishamosError as error:
                failed.append(
                    error
                )  # no more are begun; those that run are paid, so they are finished and kept
                return
            # At once: a cancelled sibling must not lose what it has made.
            self._keep(name, unit, answer)
            answers[name] = answer
            order.done(name)
            begin()

        def begin() -> None:
            while not failed and (ready := order.get_ready()):
                known_answers = {**answers, **(given or {})}
                questions = {name: by_name[name].question(known_answers) for name in ready}
                keys = {name: self.engine.fingerprint(task, question) for name, question in questions.items()}
                known = {} if self.fresh else self.units.find(self.key, keys.values(), self.overrides.only)
                for name in ready:
                    if keys[name] in known:
                        answers[name] = _decoded(known[keys[name]], task.answer)
                        order.done(name)
                    else:
                        group.create_task(make(name, keys[name], questions[name]))

        async with asyncio.TaskGroup() as group:
            begin()
        if failed:
            raise failed[0]
        return {ask.name: answers[ask.name] for ask in asks}

    def _keep(self, name: str, unit: str, answer: Document) -> None:
        made = MadeUnit(name=name, unit_key=unit, text=_encoded(answer))
        again = self.fresh or self.overrides.anew
        self.units.add(self.key, self.kind, [made], batch=self.overrides.batch, again=again)


def _prepared(graph: Mapping[str, Sequence[str]]) -> TopologicalSorter[str]:
    order = TopologicalSorter(graph)
    try:
        order.prepare()
    except CycleError as error:
        raise PlanningError(
            f"files depend on one another in a circle: {' -> '.join(error.args[1])}", ()
        ) from None
    return order


def _encoded(answer: Document) -> str:
    return answer.text if isinstance(answer, FileText) else answer.model_dump_json()


def _decoded(text: str, as_type: type[A]) -> A:
    # A file's text is kept as it is: its blob is the file.
    return as_type(text=text) if issubclass(as_type, FileText) else as_type.model_validate_json(text)
