"""The blueprint engine: answers every task of the chain by rules and templates, without a key."""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import FileRequest, FileText, Task
from hishamos_pipeline.core.documents import Architecture, Stories
from hishamos_pipeline.core.hashing import content_hash, hash_files, sha256_text
from hishamos_pipeline.core.idea import Document
from hishamos_pipeline.core.ids import story_test_path

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)

_HERE = Path(__file__).parent
# What each role's answers are made with; a change of these files makes its artifacts stale.
_PARTS: dict[str, tuple[str, ...]] = {
    "business_analyst": ("reading/*.py", "planning/requirements.py"),
    "architect": ("reading/*.py", "planning/*.py", "python_cli/*.py", "python_cli/templates/src/*"),
    "product_manager": ("reading/*.py", "planning/*.py", "python_cli/*.py"),
    "scrum_master": ("planning/stories.py",),
    "coding": ("reading/*.py", "python_cli/*.py", "python_cli/templates/src/*"),
    "qa": ("reading/*.py", "python_cli/*.py", "python_cli/templates/tests/*"),
    "documentation": ("reading/*.py", "python_cli/*.py", "python_cli/templates/docs/*"),
    "devops": ("python_cli/documents.py", "python_cli/templates/ci/*"),
}
_REMEMBERED = 8


@cache
def _version(role: str) -> str:
    files = [path for pattern in _PARTS[role] for path in _HERE.glob(pattern) if path.is_file()]
    return hash_files(files)[:16]


class BlueprintEngine:
    """Deterministic: equal questions get equal answers, on every machine."""

    name = "blueprint"

    def __init__(self) -> None:
        self._projects: dict[tuple[int, int], _Project] = {}
        # Ruff is started for each file; more at once than cores only costs memory.
        self._formatting = asyncio.Semaphore(4)

    def version(self, role: str) -> str:
        """The hash of the rules and templates that a role's answers are made with."""
        return _version(role)

    def fingerprint(self, task: Task[Q, A], question: Q) -> str:
        """For a file, the hash of its rendered text; for a document, of the question."""
        version = self.version(task.role)
        if isinstance(question, FileRequest):
            return sha256_text(f"{version}\n{question.path}\n{self._render(task.role, question)}")
        return sha256_text(f"{version}\n{content_hash(question)}")

    async def answer(self, task: Task[Q, A], question: Q) -> A:
        """Answer a task.

        Raises:
            KeyError: if a file is asked for that no blueprint plans.
        """
        return cast("A", await self._answer(task.role, question))

    async def _answer(self, role: str, question: Any) -> Document:
        from hishamos_pipeline.blueprints.planning import architecture, requirements, stories

        if role == tasks.REQUIREMENTS.role:
            return await asyncio.to_thread(requirements.write_requirements, question)
        if role == tasks.ARCHITECTURE.role:
            return await asyncio.to_thread(architecture.design, question)
        if role == tasks.STORIES.role:
            return await asyncio.to_thread(stories.write_stories, question)
        if role == tasks.SPRINT_GOALS.role:
            return stories.word_goals(question)
        text = self._render(role, question)
        if question.path.endswith(".py"):
            from hishamos_pipeline.blueprints.python_cli.formatting import tidy

            async with self._formatting:
                text = await tidy(text, question.architecture.package)
        return FileText(text=text)

    def _render(self, role: str, request: FileRequest) -> str:
        # Several artifacts of a project are made at once, each with its own copy of the documents.
        key = (id(request.architecture), id(request.stories))
        known = self._projects.get(key)
        if known is None:
            while len(self._projects) >= _REMEMBERED:
                self._projects.pop(next(iter(self._projects)))
            known = self._projects[key] = _Project(request.architecture, request.stories)
        return known.render(role, request.path)


@dataclass
class _Project:
    """A project as the templates see it, worked out once for all its files."""

    architecture: Architecture
    stories: Stories

    def __post_init__(self) -> None:
        from hishamos_pipeline.blueprints.planning.backlog import readings
        from hishamos_pipeline.blueprints.python_cli.files import source_files
        from hishamos_pipeline.blueprints.python_cli.model import build_model

        plan = self.architecture
        wishes = {story.id: story.want for story in self.stories.planned}
        self.readings = readings(wishes, plan.data_model)
        self.model = build_model(
            title=plan.title,
            package=plan.package,
            distribution=plan.distribution,
            entities=plan.data_model,
            operations=[item for reading in self.readings.values() for item in reading.operations],
        )
        self.sources = source_files(
            self.model, summary=plan.summary, author=plan.author, licence=plan.licence
        )
        self.tests = {story_test_path(story.id, story.title): story for story in self.stories.planned}

    def render(self, role: str, path: str) -> str:
        """The raw text of a file."""
        from hishamos_pipeline.blueprints.python_cli import documents, tests

        if role == tasks.SOURCE_FILE.role:
            return self.sources[path].render()
        if role == tasks.TEST_FILE.role:
            story = self.tests.get(path)
            if story is None:
                return tests.shared_test_file(path, self.model)
            return tests.story_test_file(story, self.readings[story.id].operations, self.model)
        if role == tasks.DOCUMENT.role:
            return documents.document(path, self.architecture, self.stories, self.model)
        return documents.ci_file(path, self.architecture)
