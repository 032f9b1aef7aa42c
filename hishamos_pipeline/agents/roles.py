"""A role: what it is for, and its tasks. Its prompts are files of the same names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.errors import RoleError


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the registry.

    ``prompts`` holds the texts of roles that are not built in, by ``system`` and by task; ``source`` says where the
    role was declared.
    """

    name: str
    purpose: str
    tasks: tuple[Task[Any, Any], ...]
    prompts: Mapping[str, str] = field(default_factory=dict)
    source: str = "built in"

    def task(self, name: str) -> Task[Any, Any]:
        """A task by name.

        Raises:
            RoleError: there is none of that name; the message lists those that there are.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        known = ", ".join(task.name for task in self.tasks)
        raise RoleError(f"the role {self.name} has no task {name!r}; it has {known}")
