"""Units of work: one whose key is known is taken from the store, the rest are made at the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import FileText, Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.batch import NO_BATCH, BatchOverrides
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.store.units.repository import MadeUnit, Units

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)
# More than any provider is asked at a time; those that wait have begun nothing, and a failure stops them.
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Ask(Generic[Q]):
    """A unit to be made: its question needs no other unit's answer, so that all can be made at the same time."""

    name: str
    question: Q
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

    async def make(self, task: Task[Q, A], asks: Sequence[Ask[Q]]) -> dict[str, A]:
        """Make units, or take them from the store; the answers by name, in the order asked for.

        Each is stored as soon as it is made, so that a crash loses none that was finished.

        Args:
            task: how the engine is asked.
            asks: the units.

        Raises:
            HishamosError: what the engine raises; those that run meanwhile are finished and kept.
        """
        keys = {ask.name: self.engine.fingerprint(task, ask.question) for ask in asks}
        known = {} if self.fresh else self.units.find(self.key, keys.values(), self.overrides.only)
        answers = {name: _decoded(known[key], task.answer) for name, key in keys.items() if key in known}
        failed: list[HishamosError] = []
        turns = asyncio.Semaphore(_AT_ONCE)

        async def make(ask: Ask[Q]) -> None:
            async with turns:
                if failed:  # no more are begun; those that run are paid, so they are finished and kept
                    return
                try:
                    purpose = Purpose(self.key, self.kind, ask.name)
                    answer = await self.engine.answer(task, ask.question, purpose)
                except HishamosError as error:
                    failed.append(error)
                    return
                # At once: a cancelled sibling must not lose what it has made.
                self._keep(ask.name, keys[ask.name], answer)
                answers[ask.name] = answer

        async with asyncio.TaskGroup() as group:
            for ask in asks:
                if ask.name not in answers:
                    group.create_task(make(ask))
        if failed:
            raise failed[0]
        return {ask.name: answers[ask.name] for ask in asks}

    def _keep(self, name: str, unit: str, answer: Document) -> None:
        made = MadeUnit(name=name, unit_key=unit, text=_encoded(answer))
        again = self.fresh or self.overrides.anew
        self.units.add(self.key, self.kind, [made], batch=self.overrides.batch, again=again)


def _encoded(answer: Document) -> str:
    return answer.text if isinstance(answer, FileText) else answer.model_dump_json()


def _decoded(text: str, as_type: type[A]) -> A:
    # A file's text is kept as it is: its blob is the file.
    return as_type(text=text) if issubclass(as_type, FileText) else as_type.model_validate_json(text)
