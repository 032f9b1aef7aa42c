"""The accepted brief."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.target import Target

FieldType = Literal[
    "text", "integer", "decimal", "date", "boolean", "choice", "email", "url", "reference", "tags"
]
Export = Literal["zip", "tar", "github", "gitlab"]
Approvable = Literal["requirements", "architecture", "stories", "sprint_plan", "verified_build"]
StackName = Literal["python-cli", "python-api"]
Licence = Literal["MIT", "Apache-2.0", "BSD-3-Clause", "Proprietary"]

ShortText = Annotated[str, Field(min_length=1, max_length=200)]
LongText = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=60)]


class Attribute(Document):
    """One attribute of an entity.

    ``name`` is in snake case. ``target`` is the entity that a reference points to; ``minimum`` and
    ``maximum`` are inclusive and hold for numbers; ``after`` names the date attribute that must not be later.
    """

    name: Name
    type: FieldType = "text"
    required: bool = False
    unique: bool = False
    choices: tuple[Name, ...] = ()
    target: str = ""
    minimum: int | None = None
    maximum: int | None = None
    after: str = ""


class Entity(Document):
    """A thing that the product keeps records of; ``name`` is singular, lower case, words by spaces."""

    name: Name
    attributes: tuple[Attribute, ...] = ()


class SprintRules(Document):
    """How sprints are cut: ``length_days`` calendar days and ``capacity`` story points each."""

    length_days: int = Field(default=14, ge=1, le=60)
    capacity: int = Field(default=20, ge=1, le=500)
    start: date | None = None


class ProjectBudget(Document):
    """What a build may cost at most; ``None`` is the operator's default."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)


class Answer(Document):
    """The author's answer to an open question of the requirements."""

    question: Annotated[str, Field(min_length=1, max_length=1000)]
    answer: Annotated[str, Field(min_length=1, max_length=2000)]


class Idea(Document):
    """A brief after intake: what to build, for whom, and under which conditions.

    ``features`` are user stories or feature lines in the author's words; ``approvals`` name the artifacts
    that a person wants to approve before the pipeline goes on; ``stack`` names the kind of project; ``github`` and
    ``gitlab`` say where and how the repository is published, for ``exports`` that name them.
    """

    key: str
    title: ShortText
    vision: LongText = ""
    users: tuple[Name, ...] = Field(default=(), max_length=50)
    features: tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...] = Field(
        default=(), max_length=1000
    )
    entities: tuple[Entity, ...] = Field(default=(), max_length=100)
    constraints: tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...] = Field(
        default=(), max_length=200
    )
    stack: StackName = "python-cli"
    exports: tuple[Export, ...] = ("zip", "tar")
    github: Target = Target()
    gitlab: Target = Target()
    licence: Licence = "MIT"
    author: Annotated[str, Field(max_length=120)] = ""
    sprint: SprintRules = SprintRules()
    budget: ProjectBudget = ProjectBudget()
    approvals: tuple[Approvable, ...] = ()
    answers: Annotated[tuple[Answer, ...], Field(max_length=20)] = ()
