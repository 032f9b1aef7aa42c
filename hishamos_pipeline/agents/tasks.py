"""The tasks of the roles: what each is asked, and what it answers."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from hishamos_pipeline.core.documents import Architecture, Requirements, SprintPlan, Stories
from hishamos_pipeline.core.idea import Document, Idea

Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)


@dataclass(frozen=True, slots=True)
class Task(Generic[Q, A]):
    """A task of a role: an input model and an output model."""

    role: str
    name: str
    question: type[Q]
    answer: type[A]


class FileRequest(Document):
    """Asks for one planned file of a project."""

    path: str
    architecture: Architecture
    stories: Stories


class FileText(Document):
    """A file's whole text."""

    text: str


class SprintGoals(Document):
    """One goal for each sprint, in order."""

    goals: tuple[str, ...]


class GoalRequest(Document):
    """Asks for the goals of sprints that are cut already."""

    plan: SprintPlan
    stories: Stories


REQUIREMENTS = Task("business_analyst", "requirements", Idea, Requirements)
ARCHITECTURE = Task("architect", "architecture", Requirements, Architecture)
STORIES = Task("product_manager", "stories", Requirements, Stories)
SPRINT_GOALS = Task("scrum_master", "sprint_goals", GoalRequest, SprintGoals)
SOURCE_FILE = Task("coding", "source_file", FileRequest, FileText)
TEST_FILE = Task("qa", "test_file", FileRequest, FileText)
DOCUMENT = Task("documentation", "document", FileRequest, FileText)
CI_FILE = Task("devops", "ci_file", FileRequest, FileText)

# The task that makes each artifact; artifacts without one are made by plain code.
TASK_OF: dict[str, Task[Document, Document]] = {
    "requirements": REQUIREMENTS,  # type: ignore[dict-item]
    "architecture": ARCHITECTURE,  # type: ignore[dict-item]
    "stories": STORIES,  # type: ignore[dict-item]
    "sprint_plan": SPRINT_GOALS,  # type: ignore[dict-item]
    "source_code": SOURCE_FILE,  # type: ignore[dict-item]
    "test_suite": TEST_FILE,  # type: ignore[dict-item]
    "documentation": DOCUMENT,  # type: ignore[dict-item]
    "ci_config": CI_FILE,  # type: ignore[dict-item]
}
