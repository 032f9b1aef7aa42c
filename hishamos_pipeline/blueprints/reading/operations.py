"""What a clause asks for: one operation on one entity, or nothing that rules can implement.

A clause is understood only as a whole. A word that no pattern accounts for makes it unreadable, because
code that does half of what was asked would be a pretence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.text import clauses, statement
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import attribute_name, guess_type, parse_attributes
from hishamos_pipeline.intake.wording import plain

Kind = Literal[
    "create", "view", "list", "search", "filter", "sort", "update", "delete", "status",
    "assign", "tag", "count", "group", "total", "export", "import", "history", "persist", "rule",
]  # fmt: skip

NEEDS_MODEL = "needs a language model"
_RESTRICTION = re.compile(
    r"\b(?:nobody|no one|none|no|only|never|not|cannot|can't|don't|without|except|unless|until|if)\b",
    re.IGNORECASE,
)
_NOT_ATTRIBUTES = frozenset(
    """of at most least one click formatting format recording characters markdown support ease help
    than more less automatically every all button""".split()
)
_SEVERAL = re.compile(r"(?:all|every|each|several|some|multiple)\b")
_DETERMINER = (
    r"(?:(?:all|any|each|every|my|his|her|their|our|its|the|an?|new|existing|another|some|several|"
    r"one|of|own|single|specific|particular|list of|details? of|overview of|entries|record of)\s+)*"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do with the records of one entity.

    ``attributes`` are the attributes concerned; ``value`` is a state, a file format or a rule;
    ``needs`` are attributes that the entity must have for it.
    """

    kind: Kind
    entity: str
    attributes: tuple[str, ...] = ()
    value: str = ""
    needs: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The operations of a story; none and a reason where it is not understood."""

    operations: tuple[Operation, ...]
    reason: str = ""
    assumptions: tuple[str, ...] = ()


class Reader:
    """Reads clauses about a given set of entities."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self._entities = {entity.name: entity for entity in entities}
        forms: dict[str, str] = {}
        for name in self._entities:
            last = name.rsplit(" ", 1)[-1]
            for form in (name, words.plural(name)):
                forms[form] = name
            if len([other for other in self._entities if other.endswith(last)]) == 1:
                forms.setdefault(last, name)
                forms.setdefault(words.plural(last), name)
        if len(self._entities) == 1:
            (only,) = self._entities
            for form in ("item", "entry", "record", f"{only} item", f"{only} entry"):
                forms.setdefault(form, only)
                forms.setdefault(words.plural(form), only)
        self._forms = forms
        longest_first = sorted(forms, key=len, reverse=True)
        self._noun = "|".join(map(re.escape, longest_first)) or r"[^\x00-\x{10FFFF}]"  # nothing

    def read(self, text: str) -> Reading:
        """Read a feature line or a story's wish."""
        said = statement(text)
        if not said.is_wish:
            return Reading((), f"{NEEDS_MODEL}: it says how something is to be, not what somebody can do")
        if _RESTRICTION.search(f"{said.actor} {said.want}"):
            return Reading((), f"{NEEDS_MODEL}: no rule for who may or may not do it")
        if kept := self.kept(text):
            return Reading(kept)
        operations: list[Operation] = []
        for clause in clauses(said.want):
            found = self.clause(clause)
            if not found:
                return Reading((), f"{NEEDS_MODEL}: no rule for {clause[:80]!r}")
            operations.extend(found)
        unique = tuple(dict.fromkeys(operations))
        return Reading(unique, assumptions=(said.assumption,) if said.assumption else ())

    def clause(self, text: str) -> tuple[Operation, ...]:
        """The operations that one clause asks for; empty if it is not understood."""
        verb, _, rest = text.partition(" ")
        rest = rest.strip()
        if verb == "look" and rest.startswith("up "):
            verb, rest = "search", rest[3:]
        for understand in (
            self._figures,
            self._history,
            self._tag,
            self._assign,
            self._mark,
            self._create,
            self._show,
            self._find,
            self._sort,
            self._update,
            self._delete,
            self._transfer,
        ):
            if found := understand(verb, rest):
                return found
        return ()

    # Each method below reads one family of verbs.

    def _create(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.CREATE and verb not in words.MANAGE:
            return ()
        match = self._match(
            r"(?P<e>{noun})(?: (?:with|including|giving|by giving) (?P<attrs>.+?))?"
            r"(?: (?:to|for|in|of|on|under|from|about|by) " + _DETERMINER + r"(?P<e2>{noun}))?",
            rest,
        )
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        needs: tuple[Attribute, ...] = ()
        if match["attrs"]:
            try:
                needs = parse_attributes(re.sub(r"\b(?:its|their|his|her)\b", "", match["attrs"]))
            except ValueError:
                return ()
            if not all(plausible(item) for item in needs):
                return ()
        if match["e2"]:
            needs = (*needs, reference_to(self._forms[match["e2"]]))
        if verb in words.MANAGE:
            kinds: tuple[Kind, ...] = ("create", "view", "list", "update", "delete")
            return tuple(Operation(kind, entity, needs=needs) for kind in kinds)
        return (Operation("create", entity, needs=needs),)

    def _show(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.VIEW and verb not in words.LIST:
            return ()
        if added := self._match(
            r"(?:it|that|this|them) (?:being )?added to (?:an? |the )?list of (?P<e>{noun})(?:'s)?", rest
        ):
            return (Operation("list", self._forms[added["e"]]),)
        match = self._match(
            r"(?P<quality>[a-z]+ )??(?P<e>{noun})(?: (?:details?|information|entries))?"
            r"(?: (?:of|for|from|in|on|by|per|with|that are|which are|who are) "
            r"(?P<by>.+?))?(?:,? (?:sorted|ordered) by (?P<sort>.+))?",
            rest,
        )
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        several = (
            verb in words.LIST
            or words.is_plural(match["e"])
            or bool(re.match(r"(?:the |an? )?list of |all |every ", rest))
        )
        by = match["by"]
        quality = (match["quality"] or "").strip()
        if quality in ("all", "the", "new"):
            quality = ""
        if quality:
            attribute = self._holder(entity, quality)
            if not several or not attribute or by:
                return ()
            return (Operation("filter", entity, (attribute,), quality),)
        if by:
            attribute = self._criterion(entity, by)
            if not several or not attribute:
                return ()
            return (Operation("filter", entity, (attribute,)),)
        if match["sort"]:
            return self._sort("sort", f"{match['e']} by {match['sort']}")
        return (Operation("list" if several else "view", entity),)

    def _find(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.SEARCH and verb not in words.FILTER:
            return ()
        match = self._match(
            r"(?:for |through |in )?" + _DETERMINER + r"(?P<e>{noun})"
            r"(?: (?:by|for|with|on|using|of|per) (?:an? |the |its |their )?(?P<by>.+))?",
            rest,
        )
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        kind: Kind = "search" if verb in words.SEARCH else "filter"
        if not match["by"] or match["by"] in ("text", "keyword", "keywords", "word", "words"):
            texts = any(a.type in ("text", "email", "url") for a in self._entities[entity].attributes)
            return (Operation(kind, entity),) if kind == "search" and texts else ()
        names = [self._criterion(entity, part) for part in _split(match["by"])]
        if not all(names):
            return ()
        types = {self._attribute(entity, name).type for name in names}
        if kind == "search" and types <= {"text", "email", "url"}:
            return (Operation("search", entity, tuple(names)),)
        return tuple(Operation("filter", entity, (name,)) for name in names)

    def _sort(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.SORT:
            return ()
        match = self._match(r"(?P<e>{noun}) (?:by|on) (?:the |their |its )?(?P<by>.+)", rest)
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        names = [self._criterion(entity, part) for part in _split(match["by"])]
        if not all(names) or any(self._attribute(entity, name).type == "tags" for name in names):
            return ()
        return (Operation("sort", entity, tuple(names)),)

    def _update(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.UPDATE or _SEVERAL.match(rest):
            return ()
        if match := self._match(r"(?P<e>{noun})(?: details?)?", rest):
            return (Operation("update", self._forms[match["e"]]),)
        match = self._match(
            r"(?P<attrs>.+?) of " + _DETERMINER + r"(?P<e>{noun})(?: to (?P<value>[a-z]+))?", rest
        ) or self._match(r"(?P<e>{noun}) (?P<attrs>[a-z ]+?)(?: to (?P<value>[a-z]+))?", rest)
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        names = [self._criterion(entity, part) for part in _split(match["attrs"])]
        if not all(names):
            return ()
        if value := match["value"]:
            if value not in self._attribute(entity, names[0]).choices:
                return ()
            return (Operation("status", entity, (names[0],), value),)
        return (Operation("update", entity, tuple(names)),)

    def _delete(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.DELETE or _SEVERAL.match(rest):
            return ()
        match = self._match(r"(?P<e>{noun})(?: from (?:the |my |their )?(?:list|" + self._noun + r"))?", rest)
        return (Operation("delete", self._forms[match["e"]]),) if match else ()

    def _mark(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if _SEVERAL.match(rest):
            return ()
        if verb in words.STATUS:
            match = self._match(r"(?P<e>{noun})", rest)
            if match is None:
                return ()
            return self._enter(self._forms[match["e"]], words.STATUS[verb])
        if verb not in ("mark", "flag", "set"):
            return ()
        match = self._match(r"(?P<e>{noun}) (?:as|to) (?:an? |the )?(?P<value>[a-z]+(?:[ -][a-z]+)?)", rest)
        if match is None:
            return ()
        return self._enter(self._forms[match["e"]], match["value"])

    def _assign(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.ASSIGN or _SEVERAL.match(rest):
            return ()
        match = self._match(r"(?P<e>{noun}) to (?P<whom>" + _DETERMINER + r"[a-z]+(?: [a-z]+)?)", rest)
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        whom = re.sub("^" + _DETERMINER, "", match["whom"] + " ").strip()
        if whom in self._forms:
            needed = reference_to(self._forms[whom]).model_copy(update={"required": False})
        elif words.singular(whom).split()[-1] in (*words.PEOPLE, "someone", "user", "somebody"):
            needed = Attribute(name="assignee")
        else:
            return ()
        return (Operation("assign", entity, (needed.name,), needs=(needed,)),)

    def _tag(self, verb: str, rest: str) -> tuple[Operation, ...]:
        match = (
            self._match(r"(?P<e>{noun})", rest)
            if verb in words.TAG
            else self._match(r"(?:one or more )?(?:tags?|labels?) to " + _DETERMINER + r"(?P<e>{noun})", rest)
            if verb in ("add", "attach")
            else None
        )
        if match is None:
            return ()
        needed = Attribute(name="tags", type="tags")
        return (Operation("tag", self._forms[match["e"]], ("tags",), needs=(needed,)),)

    def _figures(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in (*words.VIEW, *words.COUNT, "know", "get"):
            return ()
        if match := self._match(
            r"(?:the )?(?:total|sum)(?: of)? (?:the )?(?:(?P<attr>[a-z ]+?) (?:of|for|over) )"
            + _DETERMINER
            + r"(?P<e>{noun})(?: (?:by|per|for each) (?P<by>[a-z ]+))?",
            rest,
        ):
            entity = self._forms[match["e"]]
            attribute = self._criterion(entity, match["attr"])
            if not attribute or self._attribute(entity, attribute).type not in (
                "decimal",
                "integer",
            ):
                return ()
            if not match["by"]:
                return (Operation("total", entity, (attribute,)),)
            by = self._criterion(entity, match["by"])
            return (Operation("total", entity, (attribute, by)),) if self._splits(entity, by) else ()
        counted = r"(?:how many|the number of|a count of|the count of) " if verb != "count" else ""
        match = self._match(
            counted + _DETERMINER + r"(?P<e>{noun})(?: there are| exist)?"
            r"(?: (?:by|per|for each|in each|of each|each) (?P<by>[a-z ]+?)(?: has)?)?",
            rest,
        )
        if match is None:
            return ()
        entity = self._forms[match["e"]]
        if not match["by"]:
            return (Operation("count", entity),)
        by = self._criterion(entity, match["by"])
        counts = self._splits(entity, by) or by == "tags"
        return (Operation("group", entity, (by,)),) if counts else ()

    def _transfer(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.EXPORT and verb not in words.IMPORT:
            return ()
        match = self._match(
            r"(?P<e>{noun})(?: (?:as|to|into|from|in) (?:an? )?(?P<format>csv|json)"
            r"(?: (?:or|and) (?P<other>csv|json))?(?: files?)?)?",
            rest,
        )
        if match is None:
            return ()
        if not words.is_plural(match["e"]) and words.plural(match["e"]) != match["e"]:
            return ()
        formats = [name for name in (match["format"], match["other"]) if name] or ["csv"]
        kind: Kind = "export" if verb in words.EXPORT else "import"
        return tuple(Operation(kind, self._forms[match["e"]], value=name) for name in formats)

    def _history(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.VIEW:
            return ()
        match = self._match(
            r"(?:the )?(?:change )?(?:history|changes|change log)(?: of changes)? (?:of|to|for) "
            + _DETERMINER
            + r"(?P<e>{noun})",
            rest,
        )
        return (Operation("history", self._forms[match["e"]]),) if match else ()

    def kept(self, text: str) -> tuple[Operation, ...]:
        """What a sentence says is still there when the program is started again; empty where it says nothing of it."""
        match = re.fullmatch(
            r"(?:when closing the (?:browser )?(?:window|app|program),? )?"
            + _DETERMINER
            + rf"(?P<e>{self._noun}|data|everything|records)"
            r" (?:are|is|must be|will be|stay) (?:kept|stored|saved|retained|persisted|remembered|there)"
            r"(?: (?:across|between) (?:sessions|runs)| after a restart|"
            r" and when the user returns,? the data (?:will be|is) retrieved)",
            plain(text).lower(),
        )
        if match is None:
            return ()
        named = self._forms.get(match["e"])
        return tuple(Operation("persist", name) for name in ((named,) if named else self._entities))

    # Looking things up in the data model.

    def _match(self, pattern: str, text: str) -> re.Match | None:
        return re.fullmatch(_DETERMINER + pattern.replace("{noun}", self._noun), text)

    def _attribute(self, entity: str, name: str) -> Attribute:
        for attribute in self._entities[entity].attributes:
            if attribute.name == name:
                return attribute
        return Attribute(name=name, type=guess_type(name))

    def _criterion(self, entity: str, phrase: str) -> str:
        """The attribute that a phrase names, by its name or by the entity that it refers to."""
        phrase = re.sub("^" + _DETERMINER, "", phrase.strip() + " ").strip()
        known = {attribute.name: attribute for attribute in self._entities[entity].attributes}
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
        if phrase in self._forms:
            target = self._forms[phrase]
            for attribute in known.values():
                if attribute.target == target:
                    return attribute.name
        endings = [item for item in known if item.endswith(f"_{candidates[0]}")]
        if len(endings) == 1:
            return endings[0]
        return self._holder(entity, phrase)

    def _splits(self, entity: str, name: str) -> bool:
        """Whether records can share a value of an attribute, so that it makes sense to group by it."""
        attribute = self._attribute(entity, name) if name else None
        return attribute is not None and attribute.type != "tags" and not attribute.unique

    def _holder(self, entity: str, value: str) -> str:
        """The attribute that can hold a value such as ``done`` or ``available``."""
        for attribute in self._entities[entity].attributes:
            if value in attribute.choices or (
                attribute.type == "boolean" and attribute.name == value.replace(" ", "_")
            ):
                return attribute.name
        return ""

    def _enter(self, entity: str, value: str) -> tuple[Operation, ...]:
        if holder := self._holder(entity, value):
            return (Operation("status", entity, (holder,), value),)
        if value == "open":
            return ()  # nothing else says which state a record would come back from
        needs = self._state(entity, value)
        return (Operation("status", entity, (needs[0].name,), value, needs),)

    def _state(self, entity: str, value: str) -> tuple[Attribute, ...]:
        """What an entity needs to be in a state: a choice of its status, or a flag."""
        if value in words.STATES or value.endswith("ed"):
            choices = ("open", value) if value != "open" else ("open",)
            return (Attribute(name="status", type="choice", choices=choices),)
        return (Attribute(name=attribute_name(value), type="boolean"),)


def reference_to(entity: str) -> Attribute:
    """The attribute by which a record belongs to a record of another entity."""
    return Attribute(name=attribute_name(entity), type="reference", target=entity, required=True)


def plausible(attribute: Attribute) -> bool:
    """Whether a phrase after "with" can be the name of an attribute, and not a way of doing things."""
    parts = attribute.name.split("_")
    return len(parts) <= 3 and not set(parts) & _NOT_ATTRIBUTES


def without_needs(operation: Operation) -> Operation:
    """The operation once its needs are part of the data model."""
    return replace(operation, needs=())


def _split(text: str) -> list[str]:
    return [part for part in re.split(r", (?:and |or )?| and | or |/", text) if part]
