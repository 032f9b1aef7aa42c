"""Which files the plan and the backlog ask for, each as the question for one unit."""

from collections.abc import Mapping

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import FileRequest, FileText, SourceText, Task
from hishamos_pipeline.core.artifacts.documents import Architecture, FileKind, Stories
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


def file_asks(architecture: Architecture, stories: Stories, file_kind: FileKind) -> list[FileAsk]:
    """The questions for the files of one kind; those of CI are the same whatever the stories are."""
    if file_kind == "test":
        return _story_test_asks(architecture, stories)
    return _planned_asks(architecture, stories if file_kind != "ci" else NO_STORIES, file_kind)


def _planned_asks(architecture: Architecture, stories: Stories, file_kind: FileKind) -> list[FileAsk]:
    """The planned files of a kind; one about entities or requirements serves the stories about them."""
    by_requirement: dict[str, set[str]] = {}
    for story in stories.planned:
        for name in story.requirements:
            by_requirement.setdefault(name, set()).add(story.id)
    asks = []
    for file in architecture.files:
        if file.kind == file_kind:
            served = {story for name in file.requirements for story in by_requirement.get(name, ())}
            about = bool(file.entities or file.interface)
            asks.append(
                _file_ask(file.path, architecture, stories, file.depends_on, served if about else set())
            )
    return asks


def _story_test_asks(architecture: Architecture, stories: Stories) -> list[FileAsk]:
    """The test files: what they share, and one for each planned story."""
    return _planned_asks(architecture, stories, "test") + [
        _file_ask(story_test_path(story.id, story.title), architecture, stories, (), {story.id})
        for story in stories.planned
    ]


def _file_ask(
    path: str, architecture: Architecture, stories: Stories, after: tuple[str, ...], served: set[str]
) -> FileAsk:
    def question(answers: Mapping[str, FileText]) -> FileRequest:
        known = tuple(SourceText(path=name, text=answers[name].text) for name in after if name in answers)
        return FileRequest(path=path, architecture=architecture, stories=stories, dependencies=known)

    return Ask(path, question, after, tuple(sorted(served)))
