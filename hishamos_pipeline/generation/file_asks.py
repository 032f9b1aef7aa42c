"""Which files the plan and the backlog ask for, each as the question for one unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import FileRequest, FileText, SourceText
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.brief import Excerpt, excerpt
from hishamos_pipeline.core.artifacts.documents import Architecture, FileKind, Requirements, Stories
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.artifacts.scope import with_dependencies
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.generation.units import Ask

FileAsk = Ask[FileRequest]
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
    edited: Mapping[str, str] = field(
        default_factory=dict
    )  # texts of files that people have written, by path

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
            _file_ask(
                story_test_path(story.id, story.title),
                plans,
                (),
                {story.id},
                with_dependencies(plans.stories, [story.id]),
            )
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
            edited = tuple(
                SourceText(path=name, text=plans.edited[name])
                for name in file.depends_on
                if name in plans.edited
            )
            asks.append(_file_ask(file.path, plans, edited, served if about else set(), concerns))
    return asks


def _file_ask(
    path: str, plans: Plans, edited: tuple[SourceText, ...], served: set[str], concerns: set[str]
) -> FileAsk:
    """The question for one file: it needs no other's answer, since all are written by the plan's interfaces.

    Args:
        path: the file.
        plans: what it is written from.
        edited: files that it is built on, as people have written them.
        served: stories that it is traced to.
        concerns: stories whose part of the brief it is written by.
    """
    request = FileRequest(
        path=path,
        architecture=plans.architecture,
        stories=plans.stories,
        brief=plans.excerpt(concerns),
        edited=edited,
    )
    return Ask(path, request, tuple(sorted(served)))
