"""The seam between the pipeline and whoever answers the roles' tasks."""

from typing import Protocol, TypeVar

from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.idea import Document

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


class Engine(Protocol):
    """Answers tasks."""

    @property
    def name(self) -> str:
        """What is recorded as the producer of an artifact."""
        ...

    def version(self, role: str) -> str:
        """A hash that changes whenever this engine might answer a role's tasks differently."""
        ...

    def fingerprint(self, task: Task[Q, A], question: Q) -> str:
        """The hash of everything that the answer depends on: equal hashes, equal answers."""
        ...

    async def answer(self, task: Task[Q, A], question: Q) -> A:
        """Answer a task.

        Raises:
            UnbuildableError: if the engine can make nothing of the question.
        """
        ...
