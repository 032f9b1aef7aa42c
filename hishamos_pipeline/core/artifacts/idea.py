"""The accepted brief."""

from collections.abc import Mapping
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
StackName = Literal["python-library", "python-cli", "python-api"]
Licence = Literal["MIT", "Apache-2.0", "BSD-3-Clause", "Proprietary"]

ShortText = Annotated[str, Field(min_length=1, max_length=200)]
LongText = Annotated[str, Field(max_length=1_000_000)]
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

    usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    tokens: int | None = Field(default=None, ge=0)


class Answer(Document):
    """The author's answer to an open question of the requirements."""

    question: Annotated[str, Field(min_length=1, max_length=1000)]
    answer: Annotated[str, Field(min_length=1, max_length=2000)]


Meaning = Literal["", "background", "users", "features", "entities", "constraints", "acceptance"]


class Section(Document):
    """A section of a brief: its heading and its own text, without the sections below it.

    ``id`` is the number that the author gave it, or a slug of its title; ``level`` is the heading's, 0 for what stands
    before the first. ``text`` is Markdown as it was written, heading included. ``meaning`` is what its heading, or one
    above it, says that it holds. ``excludes`` marks what the author does not ask for, such as "Out of scope", with all
    sections below it.
    """

    id: Annotated[str, Field(min_length=1, max_length=60)]
    title: str = ""
    level: int = Field(default=0, ge=0, le=7)
    text: str
    meaning: Meaning = ""
    excludes: bool = False


class HandedFile(Document):
    """A file that was handed in with a brief; its text is a blob of the store, found by ``sha256``.

    ``size`` is in bytes. ``shown`` is what engines see of it: all of a small file, head and shape of a large one.
    """

    path: str
    sha256: str
    size: int
    shown: str


class Idea(Document):
    """A brief after intake: what to build, for whom, and under which conditions.

    ``program`` is what package and command are called: like the project, unless the author says otherwise.
    ``sections`` are the brief itself, whole and in order; ``files`` were handed in with it. All other fields were read
    from them. ``notes`` say what reading has noticed or lost; ``metadata`` is what other tools keep in front matter.
    ``features`` are user stories or feature lines in the author's words; ``approvals`` name the artifacts
    that a person wants to approve before the pipeline goes on; ``required_stories`` are ids or titles of stories
    without which nothing is to be delivered; ``stack`` names the kind of project, and ``stack_reason`` says why it is
    that one where the author has named none; ``github`` and ``gitlab`` say where and how the repository is published,
    for ``exports`` that name them.
    """

    key: str
    program: Annotated[str, Field(max_length=63)] = ""
    title: ShortText
    sections: tuple[Section, ...] = ()
    files: tuple[HandedFile, ...] = ()
    vision: LongText = ""
    users: tuple[Name, ...] = Field(default=(), max_length=50)
    features: tuple[Annotated[str, Field(min_length=1, max_length=10_000)], ...] = Field(
        default=(), max_length=1000
    )
    entities: tuple[Entity, ...] = Field(default=(), max_length=100)  # see intake.limits
    constraints: tuple[Annotated[str, Field(min_length=1, max_length=10_000)], ...] = Field(
        default=(), max_length=1000
    )
    notes: tuple[Annotated[str, Field(max_length=1000)], ...] = ()
    metadata: Mapping[str, str] = Field(default_factory=dict)
    stack: StackName = "python-cli"
    stack_reason: Annotated[str, Field(max_length=300)] = ""
    exports: tuple[Export, ...] = ("zip", "tar")
    github: Target = Target()
    gitlab: Target = Target()
    licence: Licence = "MIT"
    author: Annotated[str, Field(max_length=120)] = ""
    sprint: SprintRules = SprintRules()
    budget: ProjectBudget = ProjectBudget()
    approvals: tuple[Approvable, ...] = ()
    required_stories: Annotated[tuple[ShortText, ...], Field(max_length=100)] = ()
    answers: Annotated[tuple[Answer, ...], Field(max_length=20)] = ()

    @property
    def whole(self) -> tuple[Section, ...]:
        """The sections; a brief of an earlier release, which kept none, is written out as one."""
        return self.sections or (Section(id="brief", text=as_markdown(self)),)


def as_markdown(idea: Idea) -> str:
    """The fields of a brief that were given as such, as the Markdown that would have said the same."""
    parts = [f"# {idea.title}"]
    if idea.vision:
        parts.append(idea.vision)
    for heading, lines in (
        ("Users", idea.users),
        ("Features", idea.features),
        ("Entities", tuple(map(_entity_line, idea.entities))),
        ("Constraints", idea.constraints),
    ):
        if lines:
            parts.append(f"## {heading}\n\n" + "\n".join(map(_item, lines)))
    return "\n\n".join(parts) + "\n"


def _item(line: str) -> str:
    """A line as an item of a list; points below a feature stay below it."""
    head, *points = line.split("\n- ")
    return "\n".join([f"- {' '.join(head.split())}", *(f"  - {' '.join(point.split())}" for point in points)])


def _entity_line(entity: Entity) -> str:
    facts = []
    for item in entity.attributes:
        said = [*(["required"] if item.required else []), *(["unique"] if item.unique else [])]
        said.append(" | ".join(item.choices) if item.choices else item.type)
        if item.minimum is not None:
            said.append(f">= {item.minimum}")
        if item.maximum is not None:
            said.append(f"<= {item.maximum}")
        facts.append(f"{item.name.replace('_', ' ')} ({', '.join(said)})")
    return f"{entity.name}: {', '.join(facts)}" if facts else entity.name
