"""Units of work: one whose key is known is taken from the store, the rest are made at the same time."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.file_questions import FileRevision, FileText
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.authoring.revising import unexplained
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.batch import NO_BATCH, BatchOverrides
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.core.text.lines import changed_lines
from hishamos_pipeline.errors import AnswerError, HishamosError
from hishamos_pipeline.store.units.repository import MadeUnit, Units

log = logging.getLogger("hishamos.generation")
Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)
# More than any provider is asked at a time; those that wait have begun nothing, and a failure stops them.
_AT_ONCE = 64
# What the reason of a unit begins with that was written anew although little of what it was made from had changed.
REWRITTEN = "rewritten: "


@dataclass(frozen=True, slots=True)
class Earlier:
    """What there is of a unit already, where it is not known under its key.

    Args:
        text: the unit as it was made last.
        reason: why that stays as it is, or what of it is asked to change.
        revise: the task and the question that ask for the change; ``None`` where it stays.
    """

    text: str
    reason: str
    revise: tuple[Task[Any, Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Ask(Generic[Q]):
    """A unit to be made: its question needs no other unit's answer, so that all can be made at the same time.

    The unit's key is that of the question, also where ``earlier`` stays or is changed instead of asking it.
    """

    name: str
    question: Q
    stories: tuple[str, ...] = ()
    earlier: Earlier | None = None


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
                    answer = await self._answer(task, ask)
                except HishamosError as error:
                    failed.append(error)
                    return
                # At once: a cancelled sibling must not lose what it has made.
                self._keep(ask, keys[ask.name], answer)
                answers[ask.name] = answer

        async with asyncio.TaskGroup() as group:
            for ask in asks:
                if ask.name not in answers:
                    group.create_task(make(ask))
        if failed:
            raise failed[0]
        return {ask.name: answers[ask.name] for ask in asks}

    async def _answer(self, task: Task[Q, A], ask: Ask[Q]) -> A:
        """What stays, what is changed, or what is made anew; where no change will do, it is made anew too."""
        purpose, earlier = Purpose(self.key, self.kind, ask.name), ask.earlier
        if earlier and earlier.revise is None:
            return _decoded(earlier.text, task.answer)
        if earlier and earlier.revise:
            try:
                return cast("A", await self.engine.answer(*earlier.revise, purpose))
            except AnswerError as error:
                log.warning("%s: %s cannot be changed, and is written anew: %s", self.key, ask.name, error)
        return await self.engine.answer(task, ask.question, purpose)

    def _keep(self, ask: Ask[Q], unit: str, answer: Document) -> None:
        text, earlier = _encoded(answer), ask.earlier
        reason = earlier.reason if earlier else ""
        if earlier and earlier.revise:
            lines, question = earlier.text.count("\n"), earlier.revise[1]
            reason = f"{changed_lines(earlier.text, text)} of {lines} lines {reason}"
            if isinstance(question, FileRevision) and unexplained(question, text):
                reason = f"{REWRITTEN}{reason}"
        made = MadeUnit(name=ask.name, unit_key=unit, text=text, reason=reason)
        again = self.fresh or self.overrides.anew
        self.units.add(self.key, self.kind, [made], batch=self.overrides.batch, again=again)


def _encoded(answer: Document) -> str:
    return answer.text if isinstance(answer, FileText) else answer.model_dump_json()


def _decoded(text: str, as_type: type[A]) -> A:
    # A file's text is kept as it is: its blob is the file.
    return as_type(text=text) if issubclass(as_type, FileText) else as_type.model_validate_json(text)
