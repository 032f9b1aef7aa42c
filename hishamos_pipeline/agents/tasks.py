"""The tasks of the roles: what each is asked, what it answers, and how it may be answered."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from hishamos_pipeline.core.artifacts.brief import Excerpt
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Component,
    Finding,
    PillarScore,
    PlanFault,
    PlannedFile,
    Requirements,
    SprintPlan,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.idea import Idea, Section
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.core.text.interfaces import outline

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
# Lines from which on a file is changed by edits, and not written out again.
LONG_FILE = 300
# Characters of interfaces that a prompt may show although it needs only some of them.
_LITTLE = 20_000


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


class SourceText(Document):
    """A file that is known already."""

    path: str
    text: str


class PlanningRequest(Document):
    """Asks for a plan or a backlog of some requirements, with what the brief says of them."""

    requirements: Requirements
    brief: Excerpt = Excerpt()


class InputChange(Document):
    """Something that was worked from and that is another now: its name, and how, as a diff."""

    name: str
    diff: str


class RequirementsRevision(Document):
    """Asks what a changed brief changes of requirements; ``changes`` are its sections, by ``section ID``."""

    idea: Idea
    requirements: Requirements
    changes: tuple[InputChange, ...]

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


class StoriesRevision(Document):
    """Asks what changed requirements change of a backlog; ``changed`` are their ids, those of new ones among them."""

    requirements: Requirements
    stories: Stories
    changed: tuple[str, ...]
    brief: Excerpt = Excerpt()

    @property
    def gone(self) -> tuple[str, ...]:
        """Ids of requirements that stories serve and that are no more."""
        known = {item.id for item in self.requirements.requirements}
        served = {name for story in self.stories.stories for name in story.requirements}
        return tuple(sorted(served - known))

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


class AboutFile(Document):
    """A question about one file of a plan, with what the brief says of what it serves."""

    path: str
    architecture: Architecture
    stories: Stories
    brief: Excerpt = Excerpt()

    @property
    def planned(self) -> PlannedFile | None:
        """The plan of this file; test files of stories have none."""
        return next((file for file in self.architecture.files if file.path == self.path), None)

    @property
    def story(self) -> Story | None:
        """The story whose test file this is."""
        paths = {story_test_path(story.id, story.title): story for story in self.stories.planned}
        return paths.get(self.path)

    @property
    def shown(self) -> tuple[PlannedFile, ...]:
        """The files whose interface this one is written by: of a source file its own and those that it depends on; of
        tests those that they call; of documents all of them, or, where that is much, those that users call.
        """
        files, plan = self.architecture.files, self.architecture
        offering = self._offering
        if self.planned is not None and self.planned.kind == "source":
            wanted = {self.path, *self.planned.depends_on}
            # What a package passes on is defined below it.
            wanted |= {
                name
                for file in files
                if file.path in wanted and file.path.endswith("__init__.py")
                for name in file.depends_on
            }
            return tuple(file for file in offering if file.path in wanted)
        if self.tells and sum(len(file.interface) for file in offering) <= _LITTLE:
            return offering
        served = set(self.story.requirements) if self.story else set()
        called = {plan.called_module, plan.package}
        near = {
            file.path
            for file in offering
            if served & set(file.requirements) or plan.module_of(file.path) in called
        }
        near |= {name for file in offering if file.path in near for name in file.depends_on}
        return tuple(file for file in offering if file.path in near)

    @property
    def _offering(self) -> tuple[PlannedFile, ...]:
        return tuple(file for file in self.architecture.files if file.interface or file.signatures)

    @property
    def tells(self) -> bool:
        """Whether it tells of the product, as documents do."""
        return self.planned is not None and self.planned.kind in ("docs", "ci")

    @property
    def outlined(self) -> tuple[tuple[str, str], ...]:
        """Of tests, what the other files offer, by path and without prose: so that no word of it asks again."""
        if self.tells or (self.planned is not None and self.planned.kind == "source"):
            return ()
        shown = {file.path for file in self.shown}
        found = [(f.path, outline(f.interface)) for f in self._offering if f.path not in shown]
        is_little = sum(len(text) for _, text in found) <= _LITTLE
        return tuple((path, text) for path, text in found if text) if is_little else ()

    @property
    def usage(self) -> str:
        """What users call, for what is called or calls it: not for the modules below."""
        plan, own = self.architecture, self.planned
        is_below = own is not None and own.kind == "source" and plan.in_package(self.path)
        return "" if is_below and plan.module_of(self.path) != plan.called_module else plan.usage

    @property
    def named(self) -> tuple[PlannedFile, ...]:
        """The other files of the plan that hold code or data."""
        shown = {self.path, *(file.path for file in self.shown), *(path for path, _ in self.outlined)}
        return tuple(f for f in self.architecture.files if f.kind == "source" and f.path not in shown)


class FileRequest(AboutFile):
    """Asks for one planned file of a project; ``edited`` are the files that it is built on and people have written."""

    edited: tuple[SourceText, ...] = ()

    @property
    def named(self) -> tuple[PlannedFile, ...]:
        """The other files that hold code or data; for a source file none, which may use only those that it depends on:
        so that a file more does not ask for the others again.
        """
        is_source = self.planned is not None and self.planned.kind == "source"
        return () if is_source else super().named

    @property
    def shows_criteria(self) -> bool:
        """Whether it is this file that keeps criteria: one that serves all is built on others that do."""
        return self.planned is None or bool(self.planned.requirements) or not self.planned.depends_on

    @property
    def served(self) -> tuple[Story, ...]:
        """The planned stories whose requirements this file serves; all of them where it names none."""
        wanted = set(self.planned.requirements) if self.planned else set()
        return tuple(s for s in self.stories.planned if not wanted or wanted & set(s.requirements))


class FileRevision(FileRequest):
    """Asks for a file that exists, changed as far as what it was written from has changed; ``text`` is the file."""

    text: str
    changes: tuple[InputChange, ...]

    @property
    def is_long(self) -> bool:
        """Whether the answer is edits of the file, and not the file whole."""
        return self.text.count("\n") > LONG_FILE

    @property
    def touched(self) -> tuple[Story, ...]:
        """The stories some of whose criteria have changed."""
        changed = {change.name.removeprefix("criterion ") for change in self.changes}
        own = (self.story,) if self.story else self.served
        return tuple(s for s in own if changed & {item.id for item in s.criteria})


class FileText(Document):
    """A file's whole text."""

    text: str


class TextEdit(Document):
    """A place in a file, by text that stands there once, and what is to stand there."""

    search: str = Field(min_length=1)
    replace: str


class FileEdits(Document):
    """Edits of a file, done in their order."""

    edits: tuple[TextEdit, ...] = ()


class RepairRequest(AboutFile):
    """Asks for one file again, corrected: with what failed, the files that the failure is about, and diffs that did not
    help.
    """

    text: str
    failures: tuple[str, ...]
    related: tuple[SourceText, ...]
    reason: str = ""
    tried: tuple[str, ...] = ()


class Correction(Document):
    """A corrected file, or why it is not: another file is at fault (``path``), the code and not the test, the plan, or
    nobody that a repair could reach.
    """

    outcome: Literal["corrected", "other_file", "code_at_fault", "plan_at_fault", "impossible"] = "corrected"
    text: str = ""
    path: str = ""
    reason: str = ""


class FaultRequest(Document):
    """Asks on which side a failure's fault is, where no rule can tell."""

    failure: str
    files: tuple[SourceText, ...]
    criteria: tuple[str, ...]


class Fault(Document):
    """The side that has to change, with the reason."""

    side: Literal["code", "test"]
    reason: str = Field(min_length=1)


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


class ArchitectureRevision(Document):
    """Asks what changed requirements, or faults found by its verification, change of an architecture that there is."""

    architecture: Architecture
    requirements: Requirements
    changed: tuple[str, ...]
    faults: tuple[PlanFault, ...] = ()
    brief: Excerpt = Excerpt()

    @property
    def shown(self) -> tuple[PlannedFile, ...]:
        """The files whose interface is shown: all of them, or, where that is much, those that changed requirements or
        faults are about, with what they depend on and what depends on them.
        """
        files = tuple(
            f for f in self.architecture.files if f.interface or (f.kind == "source" and f.requirements)
        )
        if sum(len(file.interface) for file in files) <= _LITTLE:
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
