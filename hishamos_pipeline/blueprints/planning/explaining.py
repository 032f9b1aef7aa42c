"""What the blueprint engine makes of each statement of a brief."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from hishamos_pipeline.blueprints.planning.requirements import write_requirements
from hishamos_pipeline.blueprints.planning.stories import write_stories
from hishamos_pipeline.blueprints.reading.rules import read_rule
from hishamos_pipeline.core.artifacts.documents import Requirement, Requirements, Story
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity, Idea
from hishamos_pipeline.intake.passages import Passage
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.statements import read_statements
from hishamos_pipeline.intake.wording import is_fact, plain, sentences

ReadAs = Literal[
    "story", "rule", "entity", "person", "fact", "unchecked", "not understood", "not asked for", "background",
    "material",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement, the line of the brief's text where it begins, counted from 1, and what it was read as.

    ``detail`` says what that comes to: a story's title, a rule, an entity's attributes, or why it was not understood.
    """

    line: int
    section: str
    text: str
    read_as: ReadAs
    detail: str = ""


def explain(idea: Idea) -> tuple[Explained, ...]:
    """Every statement of a brief, in order.

    Raises:
        UnbuildableError: the brief names a stack that no blueprint can write.
    """
    reading = _Reading(idea)
    blocks = read_blocks("".join(section.text for section in idea.whole))
    found = [item for said in read_statements(blocks) for item in reading.statement(said)]
    return tuple(sorted(found, key=lambda item: item.line))


class _Reading:
    """The requirements and stories of a brief, by the words that they were read from."""

    def __init__(self, idea: Idea) -> None:
        self._requirements: Requirements = write_requirements(idea)
        stories = write_stories(self._requirements).stories
        self._stories: Mapping[str, Story] = {name: story for story in stories for name in story.requirements}
        self._by_source: dict[str, list[Requirement]] = {}
        for item in self._requirements.requirements:
            self._by_source.setdefault(plain(item.source), []).append(item)
        self._entities: Mapping[str, Entity] = {entity.name: entity for entity in self._requirements.entities}

    def statement(self, said: Passage) -> Iterator[Explained]:
        """A statement and what stands below it."""
        match said.kind:
            case "excluded":
                yield self._made(said, "not asked for")
            case "note":
                yield self._made(said, "background")
            case "code":
                yield self._made(said, "material", "whoever writes code is shown it")
            case "user":
                yield self._made(said, "person")
            case "entity":
                yield self._entity(said)
            case "prose":
                yield from self._prose(said)
            case _:
                yield self._wish(said)
        for point in said.points:
            yield self._made(point, "fact") if is_fact(point.text) else self._wish(point)

    def _wish(self, said: Passage) -> Explained:
        listed = self._by_source.get(plain(said.text.partition("\n")[0]), [])
        if not listed:
            return self._made(said, "background")
        item = listed[0]
        if item.kind == "constraint":
            return self._made(said, "unchecked", "no rule checks it, and nothing keeps it")
        story = self._stories.get(item.id)
        if story is None or story.status == "deferred":
            return self._made(said, "not understood", story.reason if story else "")
        shown = story.criteria[0]
        told = f"{item.statement} When {shown.when}, {shown.then}."
        if read_rule(item.source, self._requirements.entities):
            return self._made(said, "rule", told)
        return self._made(said, "story", f"{story.id} {told}")

    def _entity(self, said: Passage) -> Explained:
        name = said.text.partition(":")[0].strip().lower()
        entity = next((item for key, item in self._entities.items() if name in (key, f"{key}s")), None)
        attributes = ", ".join(_attribute(item) for item in entity.attributes) if entity else ""
        return self._made(
            said, "entity", f"{entity.name}: {attributes}" if entity else "no story is about it"
        )

    def _prose(self, said: Passage) -> Iterator[Explained]:
        parts = sentences([said.text.removeprefix("- ")])
        known = [part for part in parts if part in self._by_source]
        if not known:
            yield self._made(said, "background")
        for part in known:
            yield self._wish(Passage(said.line, part, "feature", said.section))

    def _made(self, said: Passage, read_as: ReadAs, detail: str = "") -> Explained:
        return Explained(said.line, said.section, said.text.removeprefix("- "), read_as, detail)


def _attribute(item: Attribute) -> str:
    facts = [item.type, *(["required"] if item.required else []), *(["unique"] if item.unique else [])]
    facts += [f">= {item.minimum}"] if item.minimum is not None else []
    facts += [f"<= {item.maximum}"] if item.maximum is not None else []
    return f"{item.name.replace('_', ' ')} ({', '.join(facts)})"
