"""An engine that hands on to another one, remembers what it answered, and can be made to fail."""

from typing import Any, TypeVar

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.spending import UNATTRIBUTED, Purpose

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


class FakeEngine:
    """Wraps an engine.

    Args:
        inner: answers in truth.
        fail_at: number of the answer at which it breaks down; 0 never.
    """

    name = "fake"

    def __init__(self, inner: Engine, fail_at: int = 0) -> None:
        self._inner = inner
        self._fail_at = fail_at
        self._answered: list[str] = []
        self._asked = 0

    @property
    def answered(self) -> list[str]:
        """Paths of the files that were answered, in order."""
        return list(self._answered)

    def heal(self) -> None:
        """Stop failing, and forget what was answered."""
        self._fail_at = 0
        self._answered.clear()

    def asks_models(self, task: Task[Any, Any], question: Document | None = None) -> bool:
        """The inner engine's."""
        return self._inner.asks_models(task, question)

    def version(self, task: Task[Any, Any]) -> str:
        """The inner engine's."""
        return self._inner.version(task)

    def fingerprint(self, task: Task[Q, A], question: Q) -> str:
        """The inner engine's."""
        return self._inner.fingerprint(task, question)

    async def answer(self, task: Task[Q, A], question: Q, purpose: Purpose = UNATTRIBUTED) -> A:
        """The inner engine's answer, or the failure."""
        self._asked += 1
        if self._fail_at and self._asked >= self._fail_at:
            raise RuntimeError("the engine broke down")
        answer = await self._inner.answer(task, question, purpose)
        if isinstance(question, FileRequest):
            self._answered.append(question.path)
        return answer
