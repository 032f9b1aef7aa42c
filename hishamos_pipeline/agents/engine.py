"""The seam between the pipeline and whoever answers the roles' tasks."""

from typing import Any, Protocol, TypeVar

from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.spending import UNATTRIBUTED, Purpose

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


class Engine(Protocol):
    """Answers tasks."""

    @property
    def name(self) -> str:
        """What is recorded as the producer of an artifact."""
        ...

    def recalling(self) -> "Engine":
        """The same engine, which knows what was answered before, asks nobody, and leaves no trace.

        It raises ``ReplayError`` for what was not answered.
        """
        ...

    def asks_models(self, task: Task[Any, Any], question: Document | None = None) -> bool:
        """Whether a task is put to a model, or one question of it, so that asking less of it costs less."""
        ...

    def version(self, task: Task[Any, Any]) -> str:
        """A hash that changes whenever this engine might answer a task differently."""
        ...

    def fingerprint(self, task: Task[Q, A], question: Q) -> str:
        """The hash of everything that the answer depends on: equal hashes, equal answers."""
        ...

    async def answer(self, task: Task[Q, A], question: Q, purpose: Purpose = UNATTRIBUTED) -> A:
        """Answer a task, on the account of ``purpose``.

        Raises:
            UnbuildableError: if the engine can make nothing of the question.
            ModelError: if a model was asked in vain, or may not be asked.
        """
        ...
