"""The blueprint engine: answers every task of the chain by rules and templates, without a key."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import FileRequest, FileText
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.pipeline.rules import rule_version
from hishamos_pipeline.core.pipeline.spending import UNATTRIBUTED, Purpose
from hishamos_pipeline.core.text.hashing import content_hash, sha256_text
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.errors import UnbuildableError

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)

_DATABASE = "blueprints/python/templates/*/database.j2"
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    part: (f"blueprints/python/templates/*/{part}/*", f"stacks/python/templates/*/{part}/*")
    for part in ("src", "docs")
}
# What each task's answers are made with: modules, with all that they import, and templates. From this the lock of rule
# sets is derived; see ``core.pipeline.rules``.
RULES: Mapping[str, tuple[str, ...]] = {
    str(tasks.REQUIREMENTS): ("blueprints/planning/requirements.py",),
    str(tasks.ARCHITECTURE): ("blueprints/planning/architecture.py", *_TEMPLATES["src"], _DATABASE),
    str(tasks.STORIES): ("blueprints/planning/stories.py",),
    str(tasks.SPRINT_GOALS): ("blueprints/planning/goals.py",),
    str(tasks.SOURCE_FILE): (
        "blueprints/python/files.py",
        "stacks/python/formatting.py",
        "blueprints/planning/backlog.py",
        *_TEMPLATES["src"],
        _DATABASE,
    ),
    str(tasks.TEST_FILE): (
        "blueprints/python/tests.py",
        "stacks/python/formatting.py",
        "blueprints/planning/backlog.py",
        "blueprints/python/templates/*/tests/*",
        _DATABASE,
    ),
    str(tasks.DOCUMENT): (
        "blueprints/python/documents.py",
        "stacks/python/formatting.py",
        "blueprints/planning/backlog.py",
        *_TEMPLATES["docs"],
    ),
    str(tasks.CI_FILE): (
        "stacks/python/ci.py",
        "stacks/python/formatting.py",
        "stacks/python/templates/*/ci/*",
    ),
    str(tasks.REVIEW_FILE): ("blueprints/reviewing.py",),
    str(tasks.CHANGE): ("blueprints/planning/changes.py",),
}
_REMEMBERED = 8


class BlueprintEngine:
    """Deterministic: equal questions get equal answers, on every machine."""

    name = "blueprint"

    def __init__(self) -> None:
        self._projects: dict[tuple[int, int], _Project] = {}
        # Ruff is started for each file; more at once than cores only costs memory.
        self._formatting = asyncio.Semaphore(4)

    def recalling(self) -> "BlueprintEngine":
        """Itself: it asks nobody ever."""
        return self

    def asks_models(self, task: Task[Any, Any], question: Document | None = None) -> bool:
        """Never."""
        return False

    def version(self, task: Task[Any, Any]) -> str:
        """The hash of the rules and templates that a task's answers are made with.

        Raises:
            UnbuildableError: there are none: the task takes judgement.
        """
        _require_rules(task)
        return rule_version(f"blueprint/{task}")

    def fingerprint(self, task: Task[Q, A], question: Q) -> str:
        """For a file, the hash of its rendered text; for a document, of the question."""
        version = self.version(task)
        if isinstance(question, FileRequest):
            return sha256_text(f"{version}\n{question.path}\n{self._render(task, question)}")
        return sha256_text(f"{version}\n{content_hash(question)}")

    async def answer(self, task: Task[Q, A], question: Q, purpose: Purpose = UNATTRIBUTED) -> A:
        """Answer a task; it costs nobody anything.

        Raises:
            UnbuildableError: the task takes judgement, which templates have not, or no template makes the file.
        """
        _require_rules(task)
        return cast("A", await self._answer(task, question))

    async def _answer(self, task: Task[Any, Any], question: Any) -> Document:
        from hishamos_pipeline.blueprints.planning import architecture, goals, requirements, stories

        if task == tasks.REQUIREMENTS:
            return await asyncio.to_thread(requirements.write_requirements, question)
        if task == tasks.ARCHITECTURE:
            return await asyncio.to_thread(architecture.design, question.requirements)
        if task == tasks.STORIES:
            return await asyncio.to_thread(stories.write_stories, question.requirements)
        if task == tasks.CHANGE:
            from hishamos_pipeline.blueprints.planning.changes import change

            return await asyncio.to_thread(change, question)
        if task == tasks.SPRINT_GOALS:
            return goals.word_goals(question)
        if task == tasks.REVIEW_FILE:
            from hishamos_pipeline.blueprints.reviewing import review

            async with self._formatting:
                return await review(question)
        from hishamos_pipeline.stacks.python.formatting import tidy_file

        text = self._render(task, question)
        async with self._formatting:
            return FileText(text=await tidy_file(question.path, text, question.architecture.package))

    def _render(self, task: Task[Any, Any], request: FileRequest) -> str:
        # Several artifacts of a project are made at once, each with its own copy of the documents.
        key = (id(request.architecture), id(request.stories))
        known = self._projects.get(key)
        if known is None:
            while len(self._projects) >= _REMEMBERED:
                self._projects.pop(next(iter(self._projects)))
            known = self._projects[key] = _Project(request.architecture, request.stories)
        return known.render(task, request.path)


def _require_rules(task: Task[Any, Any]) -> None:
    if str(task) not in RULES:
        raise UnbuildableError(f"the blueprint engine cannot do {task}: that needs a language model")


@dataclass
class _Project:
    """A project as the templates see it, worked out once for all its files."""

    architecture: Architecture
    stories: Stories

    def __post_init__(self) -> None:
        from hishamos_pipeline.blueprints.planning.backlog import readings
        from hishamos_pipeline.blueprints.python.files import source_files
        from hishamos_pipeline.blueprints.python.package import build_model

        plan = self.architecture
        wishes = {story.id: story.want for story in self.stories.planned}
        self.readings = readings(wishes, plan.data_model)
        self.model = build_model(
            title=plan.title,
            package=plan.package,
            distribution=plan.distribution,
            entities=plan.data_model,
            operations=[item for reading in self.readings.values() for item in reading.operations],
            stack=plan.stack,
        )
        self.sources = source_files(
            self.model, summary=plan.summary, author=plan.author, licence=plan.licence
        )
        self.tests = {story_test_path(story.id, story.title): story for story in self.stories.planned}

    def render(self, task: Task[Any, Any], path: str) -> str:
        """The raw text of a file."""
        from hishamos_pipeline.blueprints.python import documents, tests
        from hishamos_pipeline.stacks.python import ci

        if task == tasks.SOURCE_FILE:
            if path not in self.sources:
                raise UnbuildableError(
                    f"the blueprint engine has no template for {path}: take it out of the architecture, or name a "
                    "model in HISHAMOS_LLM"
                )
            return self.sources[path].render(self.architecture.stack)
        if task == tasks.TEST_FILE:
            story = self.tests.get(path)
            if story is None:
                return tests.shared_test_file(path, self.model)
            return tests.story_test_file(story, self.readings[story.id].operations, self.model)
        if task == tasks.DOCUMENT:
            return documents.document(path, self.architecture, self.stories, self.model)
        return ci.ci_file(path, self.architecture)
