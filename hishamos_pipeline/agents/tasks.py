"""The tasks of the roles: what each is asked, what it answers, and how it may be answered."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from hishamos_pipeline.agents.file_questions import (
    LITTLE,
    Correction,
    Fault,
    FaultRequest,
    FileRequest,
    FileRevision,
    FileText,
    InputChange,
    RepairRequest,
)
from hishamos_pipeline.core.artifacts.brief import Excerpt
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Component,
    Finding,
    PillarScore,
    PlanFault,
    PlannedFile,
    Requirement,
    Requirements,
    SprintPlan,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.idea import Idea, Section
from hishamos_pipeline.core.text.lines import diff

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a task may be answered.

    ``model`` is ``strong`` for what needs judgement and ``fast`` for what does not; ``tools`` names what a model may
    use; ``blueprint`` allows the keyless engine at the end of a fallback chain; ``turns`` allows a conversation;
    ``api`` holds the scopes within which the API may be called for whoever gives the task, none for not at all.
    """

    model: Literal["strong", "fast"] = "strong"
    temperature: float | None = None
    max_output_tokens: int | None = None
    tools: tuple[str, ...] = ()
    blueprint: bool = False
    turns: bool = False
    api: tuple[str, ...] = ()


DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class Task(Generic[Q, A]):
    """A task of a role: an input model, an output model, and a policy; its prompt has the same name."""

    role: str
    name: str
    question: type[Q]
    answer: type[A]
    purpose: str = ""
    policy: Policy = DEFAULT

    def __str__(self) -> str:
        return f"{self.role}/{self.name}"


class PlanningRequest(Document):
    """Asks for a plan or a backlog of some requirements, with what the brief says of them."""

    requirements: Requirements
    brief: Excerpt = Excerpt()


class RequirementsRevision(Document):
    """Asks what a changed brief changes of requirements; ``changes`` are its sections, by ``section ID``.

    ``is_beside`` tells that answers, entities or files are others, which may concern any requirement.
    """

    idea: Idea
    requirements: Requirements
    changes: tuple[InputChange, ...]
    is_beside: bool = False

    @property
    def may_touch_all(self) -> bool:
        """Whether requirements may change whose sections have not: something new may be about any of them."""
        return self.is_beside or bool(self.changed - {section.id for section in self.requirements.brief})

    @property
    def changed(self) -> frozenset[str]:
        """Ids of sections that are others now, new, or gone."""
        return frozenset(change.name.removeprefix("section ") for change in self.changes)

    @property
    def added(self) -> frozenset[str]:
        """Ids of sections that no requirement cites yet."""
        cited = {name for item in self.requirements.requirements for name in item.sections}
        there = {section.id for section in self.idea.whole if not section.excludes}
        return (self.changed & there) - cited

    @property
    def concerned(self) -> tuple[str, ...]:
        """Ids of the requirements that cite such."""
        return tuple(
            item.id
            for item in self.requirements.requirements
            if self.changed & set(item.sections) and not item.verified_by
        )

    @property
    def beside(self) -> tuple[Section, ...]:
        """The sections that have not changed."""
        return tuple(section for section in self.idea.whole if section.id not in self.changed)


class ChangedRequirements(Document):
    """Asks what changed requirements change of what serves them.

    ``changed`` are their ids, those of new ones among them; ``former`` are the requirements as they were.
    """

    requirements: Requirements
    changed: tuple[str, ...]
    former: tuple[Requirement, ...] = ()
    brief: Excerpt = Excerpt()

    @property
    def told(self) -> tuple[InputChange, ...]:
        """What has changed of each requirement, as a diff of what it says; a new one is whole."""
        before = {item.id: _said_by(item) for item in self.former}
        said = {item.id: _said_by(item) for item in self.requirements.requirements if item.id in self.changed}
        return tuple(
            InputChange(name=name, diff=diff(before[name], text) if name in before else text)
            for name, text in said.items()
        )

    @property
    def gone(self) -> tuple[str, ...]:
        """Ids of requirements that are served and that are no more."""
        return tuple(sorted(self.served - {item.id for item in self.requirements.requirements}))

    @property
    @abstractmethod
    def served(self) -> set[str]:
        """Ids of the requirements that what there is serves."""


def _said_by(item: Requirement) -> str:
    return "\n".join((f"{item.id} ({item.kind}) {item.title}", item.statement, *item.acceptance))


class StoriesRevision(ChangedRequirements):
    """Asks what changed requirements change of a backlog."""

    stories: Stories

    @property
    def served(self) -> set[str]:
        """Ids of the requirements that stories serve."""
        return {name for story in self.stories.stories for name in story.requirements}

    @property
    def concerned(self) -> tuple[Story, ...]:
        """The stories that serve what has changed or is gone."""
        touched = {*self.changed, *self.gone}
        return tuple(story for story in self.stories.stories if touched & set(story.requirements))

    @property
    def others(self) -> tuple[Story, ...]:
        """The stories that stay."""
        concerned = {story.id for story in self.concerned}
        return tuple(story for story in self.stories.stories if story.id not in concerned)


class ChangeRequest(Document):
    """Asks what a sentence changes of a project that there is already."""

    sentence: str
    idea: Idea
    requirements: Requirements
    stories: Stories


class ChangeAnswer(Document):
    """What a change comes to: a new brief, from which the rest follows by rules, or new requirements and stories."""

    summary: str
    idea: Idea | None = None
    requirements: Requirements | None = None
    stories: Stories | None = None


class ArchitectureRevision(ChangedRequirements):
    """Asks what changed requirements, or faults found by its verification, change of an architecture that there is."""

    architecture: Architecture
    faults: tuple[PlanFault, ...] = ()

    @property
    def served(self) -> set[str]:
        """Ids of the requirements that files serve."""
        return {name for file in self.architecture.files for name in file.requirements}

    @property
    def shown(self) -> tuple[PlannedFile, ...]:
        """The files whose interface is shown: all of them, or, where that is much, those that changed requirements or
        faults are about, with what they depend on and what depends on them.
        """
        files = tuple(
            f for f in self.architecture.files if f.interface or (f.kind == "source" and f.requirements)
        )
        if sum(len(file.interface) for file in files) <= LITTLE:
            return files
        faulty = {item.path for item in self.faults}
        near = {
            file.path for file in files if set(self.changed) & set(file.requirements) or file.path in faulty
        }
        near |= {name for file in files if file.path in near for name in file.depends_on}
        near |= {file.path for file in files if near & set(file.depends_on)}
        return tuple(file for file in files if file.path in near)

    @property
    def named(self) -> tuple[PlannedFile, ...]:
        """The other files of the plan that hold code or data."""
        shown = {file.path for file in self.shown}
        return tuple(
            file for file in self.architecture.files if file.kind == "source" and file.path not in shown
        )


class ComponentRequest(Document):
    """Asks for the files of one component of a plan."""

    requirements: Requirements
    architecture: Architecture
    component: str
    brief: Excerpt = Excerpt()

    @property
    def own(self) -> Component:
        """The component that is asked about."""
        return next(item for item in self.architecture.components if item.name == self.component)

    @property
    def needed(self) -> tuple[Component, ...]:
        """The components that it builds on."""
        return tuple(item for item in self.architecture.components if item.name in self.own.depends_on)


class ComponentPlan(Document):
    """The files of one component."""

    files: tuple[PlannedFile, ...]


class SprintGoals(Document):
    """One goal for each sprint, in order."""

    goals: tuple[str, ...]


class GoalRequest(Document):
    """Asks for the goals of sprints that are cut already."""

    plan: SprintPlan
    stories: Stories


class ReviewRequest(Document):
    """Asks for the review of one file; ``interfaces`` is the public side of what it depends on."""

    path: str
    text: str
    purpose: str
    interfaces: str = ""


class FileReview(Document):
    """A file's scores, one for each pillar, and what was found in it."""

    scores: tuple[PillarScore, ...]
    findings: tuple[Finding, ...] = ()


class Assignment(Document):
    """A task in somebody's words, with the material that it is about, by name."""

    text: str = Field(min_length=1)
    material: dict[str, str] = Field(default_factory=dict)


REQUIREMENTS = Task(
    "business_analyst",
    "requirements",
    Idea,
    Requirements,
    "Requirements from a brief",
    Policy(blueprint=True),
)
REVISE_REQUIREMENTS = Task(
    "business_analyst",
    "revise_requirements",
    RequirementsRevision,
    Requirements,
    "What a changed brief changes of its requirements",
)
ARCHITECTURE = Task(
    "architect", "architecture", PlanningRequest, Architecture, "Files, interfaces and decisions"
)
STORIES = Task(
    "business_analyst", "stories", PlanningRequest, Stories, "Epics and user stories with criteria and points"
)
REVISE_STORIES = Task(
    "business_analyst",
    "revise_stories",
    StoriesRevision,
    Stories,
    "What changed requirements change of the backlog",
)
SPRINT_GOALS = Task(
    "scrum_master", "sprint_goals", GoalRequest, SprintGoals, "What each sprint is for",
    Policy("fast", blueprint=True),
)  # fmt: skip
SOURCE_FILE = Task("coding", "new", FileRequest, FileText, "One planned source file")
TEST_FILE = Task("qa", "story_tests", FileRequest, FileText, "The tests of one story's criteria")
DOCUMENT = Task(
    "documentation", "document", FileRequest, FileText, "One planned document", Policy("fast")
)  # fmt: skip
CI_FILE = Task("devops", "ci_file", FileRequest, FileText, "One file of the CI configuration")
REVISE_SOURCE = Task(
    "coding", "revise", FileRevision, FileText, "A source file whose plan or criteria have changed"
)
REVISE_TEST = Task("qa", "revise", FileRevision, FileText, "The tests of a story that has changed")
REVISE_DOCUMENT = Task(
    "documentation", "revise", FileRevision, FileText, "A document of a product that has changed", Policy("fast")
)  # fmt: skip
REVIEW_FILE = Task("code_review", "review", ReviewRequest, FileReview, "Ten pillars and findings of one file")

REPAIR_CODE = Task(
    "coding", "repair", RepairRequest, Correction, "A source file that fails its checks, corrected"
)
REPAIR_TEST = Task(
    "qa", "repair", RepairRequest, Correction, "A test file that is wrong, corrected, never weakened"
)
REPAIR_DOCUMENT = Task(
    "documentation", "repair", RepairRequest, Correction, "A document that does not hold, corrected"
)
FIND_FAULT = Task(
    "bug_triage", "fault", FaultRequest, Fault, "Whether a failure is the code's fault or the test's"
)

REVISE_ARCHITECTURE = Task(
    "architect",
    "revise",
    ArchitectureRevision,
    Architecture,
    "What changed requirements, or faults, change of the plan",
)
COMPONENT = Task(
    "architect", "component", ComponentRequest, ComponentPlan, "The files of one component of a large plan"
)
CHANGE = Task(
    "business_analyst", "change", ChangeRequest, ChangeAnswer, "A wish as added, modified and removed items"
)

# The tasks that make each artifact; artifacts without one are made by plain code.
TASK_OF: dict[str, Task[Any, Any]] = {
    "requirements": REQUIREMENTS,
    "architecture": ARCHITECTURE,
    "stories": STORIES,
    "sprint_plan": SPRINT_GOALS,
    "source_code": SOURCE_FILE,
    "test_suite": TEST_FILE,
    "documentation": DOCUMENT,
    "ci_config": CI_FILE,
    "code_review": REVIEW_FILE,
}
