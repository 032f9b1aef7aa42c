"""Which files the plan and the backlog ask for, each as the question for one unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import FileRequest, FileText, SourceText, Task
from hishamos_pipeline.core.artifacts.brief import Excerpt, excerpt
from hishamos_pipeline.core.artifacts.documents import Architecture, FileKind, Requirements, Stories
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.generation.units import Ask

FileAsk = Ask[FileRequest, FileText]
NO_STORIES = Stories(epics=(), stories=(), sprint=SprintRules())
FILE_TASKS: Mapping[FileKind, Task[FileRequest, FileText]] = {
    "source": tasks.SOURCE_FILE,
    "test": tasks.TEST_FILE,
    "docs": tasks.DOCUMENT,
    "ci": tasks.CI_FILE,
}
# The artifact that holds the files of a kind.
FILE_ARTIFACTS: Mapping[FileKind, str] = {
    "source": "source_code",
    "test": "test_suite",
    "docs": "documentation",
    "ci": "ci_config",
}


@dataclass(frozen=True, slots=True)
class Plans:
    """What files are written from; those of CI need the architecture alone."""

    architecture: Architecture
    stories: Stories = NO_STORIES
    requirements: Requirements | None = None

    def excerpt(self, served: Iterable[str]) -> Excerpt:
        """What the brief says of some stories."""
        if self.requirements is None:
            return Excerpt()
        wanted = set(served)
        cited = {name for s in self.stories.stories if s.id in wanted for name in s.requirements}
        return excerpt(self.requirements, cited)


def file_asks(plans: Plans, file_kind: FileKind) -> list[FileAsk]:
    """The questions for the files of one kind; those of CI are the same whatever the stories are."""
    if file_kind == "test":
        return _planned_asks(plans, "test") + [
            _file_ask(story_test_path(story.id, story.title), plans, (), {story.id}, {story.id})
            for story in plans.stories.planned
        ]
    return _planned_asks(plans if file_kind != "ci" else Plans(plans.architecture), file_kind)


def _planned_asks(plans: Plans, file_kind: FileKind) -> list[FileAsk]:
    """The planned files of a kind; one about entities or requirements serves the stories about them."""
    by_requirement: dict[str, set[str]] = {}
    for story in plans.stories.planned:
        for name in story.requirements:
            by_requirement.setdefault(name, set()).add(story.id)
    asks = []
    for file in plans.architecture.files:
        if file.kind == file_kind:
            served = {story for name in file.requirements for story in by_requirement.get(name, ())}
            about = bool(file.entities or file.interface)
            concerns = served or {story.id for story in plans.stories.planned}
            asks.append(_file_ask(file.path, plans, file.depends_on, served if about else set(), concerns))
    return asks


def _file_ask(
    path: str, plans: Plans, after: tuple[str, ...], served: set[str], concerns: set[str]
) -> FileAsk:
    """The question for one file.

    Args:
        path: the file.
        plans: what it is written from.
        after: the files that it is built on.
        served: stories that it is traced to.
        concerns: stories whose part of the brief it is written by.
    """

    def question(answers: Mapping[str, FileText]) -> FileRequest:
        known = tuple(SourceText(path=name, text=answers[name].text) for name in after if name in answers)
        return FileRequest(
            path=path,
            architecture=plans.architecture,
            stories=plans.stories,
            brief=plans.excerpt(concerns),
            dependencies=known,
        )

    return Ask(path, question, after, tuple(sorted(served)))
