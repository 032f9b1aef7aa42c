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


class RequirementsDraft(Draft):
    """The requirements of a product."""

    summary: str = Field(min_length=1)
    requirements: list[RequirementDraft] = Field(min_length=1)
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


class ChangeDraft(Draft):
    """What a wish changes, and nothing besides."""

    summary: str = Field(min_length=1)
    requirements: list[RequirementChange] = []
    stories: list[StoryChange] = []


class ParameterDraft(Draft):
    """A parameter, or a field of a class; ``type`` and ``default`` are Python expressions."""

    name: str = Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=60)
    type: str = Field(min_length=1, max_length=100)
    default: str = Field("", max_length=100)


class FunctionDraft(Draft):
    """A public function or method; ``description`` is all that tests and other modules know of it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    parameters: list[ParameterDraft] = []
    returns: str = Field("None", max_length=100)
    description: str = Field(min_length=1)


class ClassDraft(Draft):
    """A public class: a frozen dataclass with fields, an exception, or one with methods."""

    name: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=60)
    kind: Literal["dataclass", "exception", "class"]
    fields: list[ParameterDraft] = []
    methods: list[FunctionDraft] = []
    description: str = Field(min_length=1)


class ModuleDraft(Draft):
    """A module of the package with its public side."""

    path: str = Field(pattern=r"^[a-z][a-z0-9_]*\.py$", max_length=60)
    purpose: str = Field(min_length=1)
    classes: list[ClassDraft] = []
    functions: list[FunctionDraft] = []
    depends_on: list[str] = []
    requirements: list[str] = []


class ArchitectureDraft(Draft):
    """The plan of a package.

    ``commands`` says what its command line understands and prints, or what its requests are answered with;
    ``dependencies`` are requirements besides those of the stack (PEP 508).
    """

    package: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    commands: str = Field(min_length=1)
    modules: list[ModuleDraft] = Field(min_length=1, max_length=12)
    dependencies: list[str] = Field([], max_length=12)
    decisions: list[Decision] = []


class RevisionDraft(Draft):
    """The modules that a change touches, each whole, and what users call if that changes; nothing else."""

    modules: list[ModuleDraft] = Field([], max_length=12)
    commands: str = ""
    dependencies: list[str] = Field([], max_length=12)
    decisions: list[Decision] = []
