"""The words that a brief has for its entities and their attributes."""

from collections.abc import Sequence

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import attribute_name, guess_type

DETERMINER = (
    r"(?:(?:all|any|each|every|my|his|her|their|our|its|the|an?|new|existing|another|some|several|"
    r"one|of|own|single|specific|particular|list of|details? of|overview of|entries|record of)\s+)*"
)


class Vocabulary:
    """Finds what phrases mean among given entities; ``forms`` are their names as people say them."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.entities = {entity.name: entity for entity in entities}
        forms: dict[str, str] = {}
        for name in self.entities:
            last = name.rsplit(" ", 1)[-1]
            for form in (name, words.plural(name)):
                forms[form] = name
            if len([other for other in self.entities if other.endswith(last)]) == 1:
                forms.setdefault(last, name)
                forms.setdefault(words.plural(last), name)
        if len(self.entities) == 1:
            (only,) = self.entities
            for form in ("item", "entry", "record", f"{only} item", f"{only} entry"):
                forms.setdefault(form, only)
                forms.setdefault(words.plural(form), only)
        self.forms = forms
        longest_first = sorted(forms, key=len, reverse=True)
        self.noun = "|".join(map(re.escape, longest_first)) or r"[^\x00-\x{10FFFF}]"  # nothing

    def match(self, pattern: str, text: str) -> re.Match | None:
        """A whole text that fits a pattern, in which ``{noun}`` stands for any entity."""
        return re.fullmatch(DETERMINER + pattern.replace("{noun}", self.noun), text)

    def attribute(self, entity: str, name: str) -> Attribute:
        """The attribute of a name; one that the entity does not have is guessed."""
        for attribute in self.entities[entity].attributes:
            if attribute.name == name:
                return attribute
        return Attribute(name=name, type=guess_type(name))

    def criterion(self, entity: str, phrase: str) -> str:
        """The attribute that a phrase names, by its name or by the entity that it refers to."""
        phrase = re.sub("^" + DETERMINER, "", phrase.strip() + " ").strip()
        known = {attribute.name: attribute for attribute in self.entities[entity].attributes}
        try:
            name = attribute_name(phrase)
            candidates = [name, attribute_name(words.singular(phrase))]
        except ValueError:
            return ""
        if "tag" in candidates and "tags" in known:
            return "tags"
        for candidate in candidates:
            if candidate in known:
                return candidate
        if phrase in self.forms:
            target = self.forms[phrase]
            for attribute in known.values():
                if attribute.target == target:
                    return attribute.name
        endings = [item for item in known if item.endswith(f"_{candidates[0]}")]
        if len(endings) == 1:
            return endings[0]
        return self.holder(entity, phrase)

    def splits(self, entity: str, name: str) -> bool:
        """Whether records can share a value of an attribute, so that it makes sense to group by it."""
        attribute = self.attribute(entity, name) if name else None
        return attribute is not None and attribute.type != "tags" and not attribute.unique

    def holder(self, entity: str, value: str) -> str:
        """The attribute that can hold a value such as ``done`` or ``available``."""
        for attribute in self.entities[entity].attributes:
            if value in attribute.choices or (
                attribute.type == "boolean" and attribute.name == value.replace(" ", "_")
            ):
                return attribute.name
        return ""

    def state(self, entity: str, phrase: str) -> tuple[str, str] | None:
        """The attribute and its value that a phrase names: "done", "high priority"; ``None`` where it names none."""
        value = re.sub(r" again$", "", phrase.strip())
        if holder := self.holder(entity, value):
            return holder, value
        first, _, rest = value.partition(" ")
        for attribute in self.entities[entity].attributes:
            if rest == attribute.name.replace("_", " ") and first in attribute.choices:
                return attribute.name, first
        return None

    def person(self, entity: str) -> str:
        """The attribute of an entity that says whose it is; empty where none does."""
        for attribute in self.entities[entity].attributes:
            if attribute.name in ("assignee", "owner") or (
                attribute.target and attribute.target.rsplit(" ", 1)[-1] in words.PEOPLE
            ):
                return attribute.name
        return ""

    def same(self, entity: str, wanted: Attribute) -> Attribute:
        """The entity's own attribute where a phrase names it otherwise: "number of servings" for "servings"."""
        known = {attribute.name for attribute in self.entities[entity].attributes}
        for other in (wanted.name.removeprefix("number_of_"), f"number_of_{wanted.name}"):
            if wanted.name not in known and other in known:
                return wanted.model_copy(update={"name": other})
        return wanted
