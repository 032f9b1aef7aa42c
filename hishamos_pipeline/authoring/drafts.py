"""What a model is asked to write of a document: the part that needs judgement; the rest is added by code."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hishamos_pipeline.core.artifacts.documents import Decision, OpenQuestion, Priority
from hishamos_pipeline.core.artifacts.idea import FieldType


class Draft(BaseModel):
    """Base of all drafts; a field that is not asked for is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RequirementDraft(Draft):
    """A requirement without its id."""

    kind: Literal["functional", "quality", "constraint"]
    title: str = Field(min_length=1, max_length=200)
    statement: str = Field(min_length=1)
    acceptance: list[str] = Field(min_length=1)
    actor: str = "user"
    priority: Priority = "must"
    sections: list[str] = []
    source: str = ""


class AttributeDraft(Draft):
    """An attribute of an entity."""

    name: str = Field(min_length=1, max_length=60)
    type: FieldType = "text"
    required: bool = False


class EntityDraft(Draft):
    """A thing that records are kept of."""

    name: str = Field(min_length=1, max_length=60)
    attributes: list[AttributeDraft] = []


class NameDraft(Draft):
    """A public name that the brief prescribes, as stub text, and the module that it is imported from."""

    module: str = Field(pattern=r"^\w+(\.\w+)*$", max_length=200)
    stub: str = Field(min_length=1)


class GivenFileDraft(Draft):
    """A file that is there before an example begins."""

    path: str = Field(min_length=1, max_length=200)
    text: str = ""


class StepDraft(Draft):
    """A command with what it is given and answers, or a request; what the brief does not say is null, a status 0."""

    command: list[str] = []
    stdin: str = ""
    stdout: str | None = None
    stderr: str | None = None
    exit_code: int | None = 0
    request: str = Field("", pattern=r"^([A-Z]+ /\S*)?$")
    headers: dict[str, str] = {}
    body: str = ""
    status: int = 0
    answer: str | None = None


class ExampleDraft(Draft):
    """An example of the brief: steps one after the other in one folder."""

    title: str = Field(min_length=1, max_length=120)
    section: str = ""
    files: list[GivenFileDraft] = []
    steps: list[StepDraft] = Field(min_length=1, max_length=20)


class PrescriptionsDraft(Draft):
    """What the brief leaves no choice about."""

    paths: list[str] = []
    names: list[NameDraft] = []
    commands: list[str] = []
    messages: list[str] = []
    formats: list[str] = []
    dependencies: list[str] = []
    python: str = Field("", max_length=60)
    examples: list[ExampleDraft] = Field([], max_length=60)


class RequirementsDraft(Draft):
    """The requirements of a product."""

    summary: str = Field(min_length=1)
    requirements: list[RequirementDraft] = Field(min_length=1)
    prescriptions: PrescriptionsDraft = PrescriptionsDraft()
    entities: list[EntityDraft] = []
    assumptions: list[str] = []
    questions: list[OpenQuestion] = Field([], max_length=3)


class CriterionDraft(Draft):
    """An acceptance criterion."""

    given: str = Field(min_length=1)
    when: str = Field(min_length=1)
    then: str = Field(min_length=1)


class StoryDraft(Draft):
    """A story; ``depends_on`` holds the numbers of stories that come before it, counted from 1 over all epics."""

    title: str = Field(min_length=1, max_length=200)
    actor: str = Field(min_length=1)
    want: str = Field(min_length=1)
    benefit: str = ""
    requirements: list[str] = Field(min_length=1)
    criteria: list[CriterionDraft] = Field(min_length=1, max_length=8)
    points: Literal[1, 2, 3, 5, 8] = 3
    priority: Priority = "must"
    depends_on: list[int] = []


class EpicDraft(Draft):
    """An epic with its stories."""

    title: str = Field(min_length=1, max_length=200)
    stories: list[StoryDraft] = Field(min_length=1)


class StoriesDraft(Draft):
    """The backlog."""

    epics: list[EpicDraft] = Field(min_length=1)


class RequirementChange(Draft):
    """A requirement that is added (without an id), modified or removed (with its id alone)."""

    change: Literal["ADDED", "MODIFIED", "REMOVED"]
    id: str = ""
    content: RequirementDraft | None = None


class RequirementsChange(Draft):
    """What a changed brief changes of its requirements; ``null`` and an empty text stay as they are.

    ``same`` are those that cite changed sections and mean what they did.
    """

    summary: str = ""
    requirements: list[RequirementChange] = []
    same: list[str] = []
    prescriptions: PrescriptionsDraft | None = None
    entities: list[EntityDraft] | None = None
    assumptions: list[str] | None = None
    questions: list[OpenQuestion] | None = Field(None, max_length=3)


class ChangedStory(StoryDraft):
    """A story of a change; it names its requirements and other stories by id.

    A requirement that the change adds is named ``NEW-1``, ``NEW-2`` and so on, in the order of the answer.
    """

    epic: str = Field(min_length=1, max_length=200)
    depends_on: list[str] = []  # type: ignore[assignment]


class StoryChange(Draft):
    """A story that is added (without an id), modified or removed (with its id alone)."""

    change: Literal["ADDED", "MODIFIED", "REMOVED"]
    id: str = ""
    content: ChangedStory | None = None


class BacklogChange(Draft):
    """What changed requirements change of a backlog, and nothing besides."""

    stories: list[StoryChange] = []


class ChangeDraft(Draft):
    """What a wish changes, and nothing besides.

    ``product`` and ``assumptions`` are the summary and the assumptions of the requirements, where they change.
    """

    summary: str = Field(min_length=1)
    product: str = ""
    assumptions: list[str] | None = None
    requirements: list[RequirementChange] = []
    stories: list[StoryChange] = []


class RevisedText(Draft):
    """A file as it is to be: its whole ``text``, or ``unchanged``."""

    text: str = ""
    unchanged: bool = False


class FileDraft(Draft):
    """A file of the project: a module with its public side as stub text, a script, a template, or data.

    ``path`` begins at the project's root; ``copy_of`` names a file beside the brief that it is, unchanged.
    """

    path: str = Field(min_length=1, max_length=200)
    purpose: str = Field(min_length=1)
    interface: str = ""
    depends_on: list[str] = []
    requirements: list[str] = []
    copy_of: str = ""


class ComponentDraft(Draft):
    """A component of a large plan; ``folder`` begins at the root, ``offers`` is its public side as stub text."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    purpose: str = Field(min_length=1)
    folder: str = Field(min_length=1, max_length=120)
    offers: str = ""
    depends_on: list[str] = []
    requirements: list[str] = []


class FilesDraft(Draft):
    """The files of one component."""

    files: list[FileDraft] = Field(min_length=1)


class ArchitectureDraft(Draft):
    """The plan of a project: its files, or, where they are many, its components, whose files are asked for one by one.

    ``program`` is the name that it is installed and called by. ``entry`` is the function that becomes the installed
    program, as ``module:function``; ``commands`` says what its users can call, and what they are answered;
    ``dependencies`` are requirements besides those of the stack (PEP 508).
    """

    package: str = Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=40)
    program: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*)?$", max_length=40)
    layout: Literal["src", "flat"] = "src"
    entry: str = Field("", max_length=200)
    commands: str = ""
    files: list[FileDraft] = []
    components: list[ComponentDraft] = Field([], max_length=40)
    dependencies: list[str] = Field([], max_length=12)
    decisions: list[Decision] = []


class RevisionDraft(Draft):
    """The files that a change touches, each whole, and what users call if that changes; nothing else."""

    files: list[FileDraft] = []
    commands: str = ""
    dependencies: list[str] = Field([], max_length=12)
    decisions: list[Decision] = []
