"""What a clause asks for: one operation on one entity, or nothing that rules can implement.

A clause is understood only as a whole. A word that no pattern accounts for makes it unreadable, because
code that does half of what was asked would be a pretence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.bulk import read_bulk
from hishamos_pipeline.blueprints.reading.ends import says_when_it_ends
from hishamos_pipeline.blueprints.reading.operation import Kind, Operation, reference_to
from hishamos_pipeline.blueprints.reading.paging import read_pages
from hishamos_pipeline.blueprints.reading.qualifiers import left_out, restricts
from hishamos_pipeline.blueprints.reading.ranking import read_top
from hishamos_pipeline.blueprints.reading.text import clauses, statement
from hishamos_pipeline.blueprints.reading.trash import read_trash
from hishamos_pipeline.blueprints.reading.vocabulary import DETERMINER, Vocabulary
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import attribute_name, parse_attributes
from hishamos_pipeline.intake.wording import wording

NEEDS_MODEL = "needs a language model"
_RESTRICTION = re.compile(
    r"\b(?:nobody|no one|none|no|only|never|not|cannot|can't|don't|without|except|unless|until|if)\b",
    re.IGNORECASE,
)
_NOT_ATTRIBUTES = frozenset(
    """of at most least one click formatting format recording characters markdown support ease help
    than more less automatically every all button""".split()
)
_QUANTITIES = frozenset(
    "several many few two three four five six seven eight nine ten same multiple some any".split()
)
_MINE = re.compile(r"\b(?:my|mine|me|own)\b")
# What follows a list's attribute: which end comes first.
_DIRECTION = re.compile(
    r"(?:,? (?:in|with) (?:descending|ascending|reverse) order|,? (?:with )?(?:the )?(?:newest|oldest|latest|highest"
    r"|lowest|cheapest|largest|smallest|most recent) (?:one |ones )?(?:first|at the top)|,? (?:ascending|descending))$"
)
_WHEN = "(?:today|this week|within a week|in the next (?:week|7 days|seven days))"
_DUE = re.compile(
    r"(?:.*_)?(?:due|deadline|expiry|return_by)(?:_(?:date|on|at|by|day))?|due_.*|expires?_on|best_before|valid_until"
)
# What is recorded of a record: the state that it is in afterwards.
_EVENTS = {
    "return": "returned",
    "completion": "completed",
    "cancellation": "cancelled",
    "approval": "approved",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The operations of a story; none and a reason where it is not understood."""

    operations: tuple[Operation, ...]
    reason: str = ""
    assumptions: tuple[str, ...] = ()


class Reader:
    """Reads clauses about a given set of entities."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self._known = Vocabulary(entities)

    def read(self, text: str) -> Reading:
        """Read a feature line or a story's wish."""
        said = statement(text)
        if not said.is_wish:
            return Reading((), f"{NEEDS_MODEL}: it says how something is to be, not what somebody can do")
        if word := _RESTRICTION.search(f"{said.actor} {said.want}"):
            return Reading((), f"{NEEDS_MODEL}: no rule for what holds only for some, or never ({word[0]!r})")
        if kept := self.kept(text):
            return Reading(kept)
        if restricts(self._known, said.actor):
            return Reading(
                (), f"{NEEDS_MODEL}: no rule for what only some may do, or at some time ({said.actor!r})"
            )
        operations: list[Operation] = []
        for clause in clauses(said.want):
            found = self.clause(clause)
            if not found:
                return Reading((), f"{NEEDS_MODEL}: no rule for {clause[:80]!r}")
            if _MINE.search(clause) and any(self._known.person(item.entity) for item in found):
                return Reading((), f"{NEEDS_MODEL}: no rule for whose they are, {clause[:80]!r}")
            operations.extend(found)
        unique = tuple(dict.fromkeys(operations))
        return Reading(unique, assumptions=(said.assumption,) if said.assumption else ())

    def clause(self, text: str) -> tuple[Operation, ...]:
        """The operations that one clause asks for; empty if it is not understood."""
        verb, _, rest = text.partition(" ")
        rest = rest.strip()
        if verb == "keep" and rest.startswith("track of "):
            verb, rest = "track", rest[9:]
        if verb == "look" and rest.startswith("up "):
            verb, rest = "search", rest[3:]
        found = self._understood(verb, rest)
        return () if left_out(self._known, verb, rest, found) else found

    def _understood(self, verb: str, rest: str) -> tuple[Operation, ...]:
        for read_one in (read_top, read_bulk, read_pages):
            if operation := read_one(self._known, verb, rest):
                return (operation,)
        if found := read_trash(self._known, verb, rest):
            return found
        for understand in (
            self._figures,
            self._due,
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
        match = self._known.match(
            r"(?P<e>{noun})(?: (?:with|including|giving|by giving) (?P<attrs>.+?))?"
            r"(?: (?:to|for|in|of|on|under|from|about|by) " + DETERMINER + r"(?P<e2>{noun}))?",
            rest,
        ) or self._known.match(
            r"(?P<e>{noun}) (?:to|for|in|of|on|under) "
            + DETERMINER
            + r"(?P<e2>{noun}) (?:with|including) (?P<attrs>.+)",
            rest,
        )
        if match is None:
            return self._several(verb, rest)
        entity = self._known.forms[match["e"]]
        needs: tuple[Attribute, ...] = ()
        if match["attrs"]:
            try:
                needs = parse_attributes(re.sub(r"\b(?:its|their|his|her)\b", "", match["attrs"]))
            except ValueError:
                return ()
            if not all(plausible(item) for item in needs):
                return ()
            needs = tuple(self._known.same(entity, item) for item in needs)
        if match["e2"]:
            outer = self._known.entities[self._known.forms[match["e2"]]]
            if any(item.target == entity for item in outer.attributes):
                return ()  # the data has it the other way round
            needs = (*needs, reference_to(self._known.forms[match["e2"]]))
        if verb in words.MANAGE:
            kinds: tuple[Kind, ...] = ("create", "view", "list", "update", "delete")
            return tuple(Operation(kind, entity, needs=needs) for kind in kinds)
        return (Operation("create", entity, needs=needs),)

    def _several(self, verb: str, rest: str) -> tuple[Operation, ...]:
        """Several entities that are managed alike."""
        match = self._known.match(r"(?P<e>{noun})(?P<more>(?:(?:, and |, | and )(?:{noun}))+)", rest)
        if match is None or verb not in words.MANAGE:
            return ()
        names = [match["e"], *_split(re.sub(r"^(?:, and |, | and )", "", match["more"]))]
        return tuple(item for name in names for item in self._create(verb, name))

    def _show(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.VIEW and verb not in words.LIST:
            return ()
        if added := self._known.match(
            r"(?:it|that|this|them) (?:being )?added to (?:an? |the )?list of (?P<e>{noun})(?:'s)?", rest
        ):
            return (Operation("list", self._known.forms[added["e"]]),)
        if found := self._selected(rest) or self._together(rest):
            return found
        match = self._known.match(
            r"(?P<quality>[a-z]+ )??(?P<e>{noun})(?: (?:details?|information|entries))?"
            r"(?: (?P<how>of|for|from|in|on|by|per|with|that are|which are|who are) "
            r"(?P<by>.+?))?(?:,? (?:sorted|ordered) by (?P<sort>.+))?",
            rest,
        )
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        several = (
            verb in words.LIST
            or words.is_plural(match["e"])
            or bool(re.match(r"(?:the |an? )?list of |all |every ", rest))
        )
        by = match["by"]
        quality = (match["quality"] or "").strip()
        if quality in ("all", "the"):
            quality = ""
        if match["sort"] and (quality or match["by"]):
            return ()  # one list is asked for, and is not two
        if quality:
            attribute = self._known.holder(entity, quality)
            if several and not by and not attribute and quality in self._known.forms:  # a member's loans
                owner = self._known.criterion(entity, quality)
                return (Operation("filter", entity, (owner,)),) if owner else ()
            if not several or not attribute or by:
                return ()
            return (Operation("filter", entity, (attribute,), quality),)
        if by:
            attribute = self._known.criterion(entity, by)
            if not several or not attribute or not self._names_a_value(entity, attribute, match["how"], by):
                return ()
            held = self._known.state(entity, by)
            return (
                Operation("filter", entity, (attribute,), held[1] if held and held[0] == attribute else ""),
            )
        if match["sort"]:
            return self._sort("sort", f"{match['e']} by {match['sort']}")
        return (Operation("list" if several else "view", entity),)

    def _names_a_value(self, entity: str, name: str, how: str, phrase: str) -> bool:
        """Whether a phrase asks for those with one value, and not for those that have any: "with a price"."""
        kind = self._known.attribute(entity, name).type
        if how == "with":
            return kind in ("choice", "tags")
        is_bare = not re.match(r"(?:an?|the|one|each|every|given|certain|this|that) ", phrase)
        return not (is_bare and how in ("in", "on", "for")) or kind in (
            "reference",
            "choice",
            "tags",
            "boolean",
        )

    def _selected(self, rest: str) -> tuple[Operation, ...]:
        """Those in a state: "which tools are lent", "tasks with high priority", "tasks assigned to a person"."""
        match = self._known.match(
            r"(?:which (?P<e>{noun}) are (?P<asked>[a-z ]+)"
            r"|(?P<f>{noun}) (?:that|which|who) are (?:currently |now |still )?(?P<told>[a-z ]+)"
            r"|(?P<g>{noun}) with (?:an? )?(?P<having>[a-z]+ [a-z ]+)"
            r"|(?P<having2>[a-z]+ [a-z]+) (?P<h>{noun}))",
            rest,
        )
        if match:
            entity = self._known.forms[match["e"] or match["f"] or match["g"] or match["h"]]
            value = match["asked"] or match["told"] or match["having"] or match["having2"]
            found = self._known.state(entity, value)
            return (Operation("filter", entity, (found[0],), found[1]),) if found else ()
        given = self._known.match(r"(?P<e>{noun}) assigned to (?:an? |the )?(?P<whom>[a-z]+)", rest)
        if given is None or given["whom"] == "me":
            return ()
        entity = self._known.forms[given["e"]]
        attribute = self._known.person(entity)
        return (Operation("filter", entity, (attribute,)),) if attribute else ()

    def _together(self, rest: str) -> tuple[Operation, ...]:
        """A record with those that belong to it, or records with attributes that are shown anyway."""
        match = self._known.match(
            r"(?P<e>{noun}) (?:and|with|together with) (?:all )?(?:of )?(?:its|their|his|her) (?P<what>.+)",
            rest,
        )
        if match is None:
            return ()
        entity, what = self._known.forms[match["e"]], match["what"]
        several = words.is_plural(match["e"])
        if what in self._known.forms and not several:
            inner = self._known.forms[what]
            owner = self._known.criterion(inner, entity)
            return (Operation("view", entity), Operation("filter", inner, (owner,))) if owner else ()
        names = {item.name for item in self._known.entities[entity].attributes}
        shown = [self._known.criterion(entity, part) in names for part in _split(what)]
        return (Operation("list" if several else "view", entity),) if all(shown) else ()

    def _find(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.SEARCH and verb not in words.FILTER:
            return ()
        match = self._known.match(
            r"(?:for |through |in )?" + DETERMINER + r"(?P<e>{noun})"
            r"(?: (?:by|for|with|on|using|of|per|in|at) (?:an? |the |its |their )?(?P<by>.+))?",
            rest,
        ) or self._known.match(
            r"(?:in |through )?(?:the )?(?P<by>.+?) of " + DETERMINER + r"(?P<e>{noun})", rest
        )
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        kind: Kind = "search" if verb in words.SEARCH else "filter"
        if not match["by"] or match["by"] in ("text", "keyword", "keywords", "word", "words"):
            texts = any(a.type in ("text", "email", "url") for a in self._known.entities[entity].attributes)
            return (Operation(kind, entity),) if kind == "search" and texts else ()
        names = [self._known.criterion(entity, part) for part in _split(match["by"])]
        if not all(names):
            return ()
        types = {self._known.attribute(entity, name).type for name in names}
        if kind == "search" and types <= {"text", "email", "url"}:
            return (Operation("search", entity, tuple(names)),)
        return tuple(Operation("filter", entity, (name,)) for name in names)

    def _sort(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.SORT:
            return ()
        plain = _DIRECTION.sub("", rest)
        match = self._known.match(r"(?P<e>{noun}) (?:by|on) (?:the |their |its )?(?P<by>.+)", plain)
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        names = [self._known.criterion(entity, part) for part in _split(match["by"])]
        if not all(names) or any(self._known.attribute(entity, name).type == "tags" for name in names):
            return ()
        return (Operation("sort", entity, tuple(names)),)

    def _update(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.UPDATE or re.match(words.SEVERAL, rest):
            return ()
        if match := self._known.match(r"(?P<e>{noun})(?: details?)?", rest):
            entity = self._known.forms[match["e"]]
            names = [
                item.name
                for item in self._known.entities[entity].attributes
                if item.name in ("name", "title")
            ]
            return (Operation("update", entity, tuple(names[:1]) if verb == "rename" else ()),)
        if verb == "move":
            return self._move(rest)
        match = self._known.match(
            r"(?P<attrs>.+?) of " + DETERMINER + r"(?P<e>{noun})(?: to (?P<value>[a-z]+))?", rest
        ) or self._known.match(r"(?P<e>{noun}) (?P<attrs>[a-z ]+?)(?: to (?P<value>[a-z]+))?", rest)
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        names = [self._known.criterion(entity, part) for part in _split(match["attrs"])]
        if not all(names):
            return ()
        if value := match["value"]:
            if value not in self._known.attribute(entity, names[0]).choices:
                return ()
            return (Operation("status", entity, (names[0],), value),)
        return (Operation("update", entity, tuple(names)),)

    def _move(self, rest: str) -> tuple[Operation, ...]:
        match = self._known.match(
            r"(?P<e>{noun}) (?:from one [a-z ]+ )?to (?:another|a different|a new|an?) (?P<attr>[a-z]+(?: [a-z]+)?)",
            rest,
        )
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        attribute = self._known.criterion(entity, match["attr"])
        known = {item.name for item in self._known.entities[entity].attributes}
        return (Operation("update", entity, (attribute,)),) if attribute in known else ()

    def _delete(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.DELETE or re.match(words.SEVERAL, rest):
            return ()
        match = self._known.match(
            r"(?P<e>{noun})(?: from (?:the |my |their )?(?:list|" + self._known.noun + r"))?", rest
        )
        return (Operation("delete", self._known.forms[match["e"]]),) if match else ()

    def _mark(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if re.match(words.SEVERAL, rest):
            return ()
        if verb in words.STATUS:
            match = self._known.match(r"(?P<e>{noun})", rest)
            if match is None:
                return ()
            return self._enter(self._known.forms[match["e"]], words.STATUS[verb])
        if verb in words.CREATE and (
            match := self._known.match(r"(?P<event>[a-z]+) of " + DETERMINER + r"(?P<e>{noun})", rest)
        ):
            state = _EVENTS.get(match["event"], "")
            return self._enter(self._known.forms[match["e"]], state) if state else ()
        if verb not in ("mark", "flag", "set", "report"):
            return ()
        match = self._known.match(
            r"(?P<e>{noun}) (?:as|to) (?:an? |the )?(?P<value>[a-z]+(?:[ -][a-z]+)?)(?: again)?", rest
        )
        if match is None:
            return self._update("change", rest) if verb == "set" else ()
        return self._enter(self._known.forms[match["e"]], match["value"].removesuffix(" again"))

    def _assign(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.ASSIGN or re.match(words.SEVERAL, rest):
            return ()
        match = self._known.match(r"(?P<e>{noun}) to (?P<whom>" + DETERMINER + r"[a-z]+(?: [a-z]+)?)", rest)
        if match is None:
            return self._assigned(rest)
        entity = self._known.forms[match["e"]]
        whom = re.sub("^" + DETERMINER, "", match["whom"] + " ").strip()
        if whom in self._known.forms:
            outer = self._known.entities[self._known.forms[whom]]
            if any(item.target == entity for item in outer.attributes):
                return ()  # the data has it the other way round
            needed = reference_to(self._known.forms[whom]).model_copy(update={"required": False})
        elif words.singular(whom).split()[-1] in (*words.PEOPLE, "someone", "user", "somebody"):
            needed = Attribute(name="assignee")
        else:
            return ()
        return (Operation("assign", entity, (needed.name,), needs=(needed,)),)

    def _assigned(self, rest: str) -> tuple[Operation, ...]:
        """An assignment that does not say to whom."""
        match = self._known.match(r"(?P<e>{noun})", rest)
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        name = self._known.person(entity)
        needed = self._known.attribute(entity, name) if name else Attribute(name="assignee")
        return (Operation("assign", entity, (needed.name,), needs=(needed,)),)

    def _tag(self, verb: str, rest: str) -> tuple[Operation, ...]:
        match = (
            self._known.match(r"(?P<e>{noun})", rest)
            if verb in words.TAG
            else self._known.match(
                r"(?:one or more )?(?:tags?|labels?) to " + DETERMINER + r"(?P<e>{noun})", rest
            )
            if verb in ("add", "attach")
            else None
        )
        if match is None:
            return ()
        needed = Attribute(name="tags", type="tags")
        return (Operation("tag", self._known.forms[match["e"]], ("tags",), needs=(needed,)),)

    def _figures(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in (*words.VIEW, *words.COUNT, "know", "get"):
            return ()
        if match := self._known.match(
            r"(?:the )?(?P<figure>total|sum|average|mean)(?: of)? (?:the )?(?:(?P<attr>[a-z ]+?) (?:of|for|over) )"
            + DETERMINER
            + r"(?P<e>{noun})(?: (?:by|per|for each) (?P<by>[a-z ]+))?",
            rest,
        ):
            entity = self._known.forms[match["e"]]
            attribute = self._known.criterion(entity, match["attr"])
            if not words.is_plural(match["e"]):
                return ()  # of one record, or of something that has several
            if not attribute or self._known.attribute(entity, attribute).type not in (
                "decimal",
                "integer",
            ):
                return ()
            kind: Kind = "average" if match["figure"] in ("average", "mean") else "total"
            if not match["by"]:
                return (Operation(kind, entity, (attribute,)),)
            by = self._known.criterion(entity, match["by"])
            return (Operation(kind, entity, (attribute, by)),) if self._known.splits(entity, by) else ()
        state = self._known.match(
            r"(?:how many |(?:the )?(?:number|count) of )?"
            r"(?:(?P<e>{noun}) are (?P<asked>[a-z ]+)|(?P<told>[a-z]+) (?P<f>{noun}))",
            rest,
        )
        if state and (verb == "count" or re.match(r"(?:the )?(?:how many|number|count)\b", rest)):
            entity = self._known.forms[state["e"] or state["f"]]
            if held := self._known.state(entity, state["asked"] or state["told"]):
                return (Operation("group", entity, (held[0],)),)
        counted = r"(?:how many|the number of|a count of|the count of) " if verb != "count" else ""
        match = self._known.match(
            counted + DETERMINER + r"(?P<e>{noun})(?: there are| exist)?"
            r"(?: (?:by|per|for each|in each|of each|each) (?P<by>[a-z ]+?)(?: has)?)?",
            rest,
        )
        if match is None:
            return ()
        entity = self._known.forms[match["e"]]
        if not match["by"]:
            return (Operation("count", entity),)
        by = self._known.criterion(entity, match["by"])
        counts = self._known.splits(entity, by) or by == "tags"
        return (Operation("group", entity, (by,)),) if counts else ()

    def _due(self, verb: str, rest: str) -> tuple[Operation, ...]:
        """What is due: "overdue loans", "which tasks are due this week"."""
        match = self._known.match(
            r"(?:(?:overdue|late) (?P<late>{noun})|which (?P<e>{noun}) are (?P<asked>overdue|late|due "
            + _WHEN
            + r")"
            r"|(?P<f>{noun}) (?:that are |which are )?(?P<told>overdue|late|due " + _WHEN + r"))",
            rest,
        )
        if match is None or verb not in (*words.VIEW, *words.LIST):
            return ()
        entity = self._known.forms[match["late"] or match["e"] or match["f"]]
        dates = [item.name for item in self._known.entities[entity].attributes if _is_due_date(item)]
        if len(dates) != 1 or self._known.holder(entity, "overdue"):
            return ()
        if not says_when_it_ends(self._known.entities[entity]):
            return ()  # in some state, whether it is still to be done is anybody's guess
        said = match["asked"] or match["told"] or "overdue"
        when = "today" if said == "due today" else "this week" if said.startswith("due") else "overdue"
        return (Operation("due", entity, (dates[0],), when),)

    def _transfer(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.EXPORT and verb not in words.IMPORT:
            return ()
        match = self._known.match(
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
        return tuple(Operation(kind, self._known.forms[match["e"]], value=name) for name in formats)

    def _history(self, verb: str, rest: str) -> tuple[Operation, ...]:
        if verb not in words.VIEW:
            return ()
        match = self._known.match(
            r"(?:the )?(?:change )?(?:history|changes|change log)(?: of changes)? (?:of|to|for) "
            + DETERMINER
            + r"(?P<e>{noun})",
            rest,
        )
        return (Operation("history", self._known.forms[match["e"]]),) if match else ()

    def kept(self, text: str) -> tuple[Operation, ...]:
        """What a sentence says is still there when the program is started again; empty where it says nothing of it."""
        match = re.fullmatch(
            r"(?:when closing the (?:browser )?(?:window|app|program),? )?"
            + DETERMINER
            + rf"(?P<e>{self._known.noun}|data|everything|records)"
            r" (?:are|is|must be|will be|stay) (?:kept|stored|saved|retained|persisted|remembered|there)"
            r"(?: (?:across|between) (?:sessions|runs)| after a restart|"
            r" and when the user returns,? the data (?:will be|is) retrieved)",
            wording(text).lower(),
        )
        if match is None:
            return ()
        named = self._known.forms.get(match["e"])
        return tuple(Operation("persist", name) for name in ((named,) if named else self._known.entities))

    def _enter(self, entity: str, value: str) -> tuple[Operation, ...]:
        if holder := self._known.holder(entity, value):
            return (Operation("status", entity, (holder,), value),)
        if value == "open":
            return ()  # nothing else says which state a record would come back from
        if self._is_told_otherwise(entity, value):
            return ()
        needs = self._state(entity, value)
        return (Operation("status", entity, (needs[0].name,), value, needs),)

    def _is_told_otherwise(self, entity: str, value: str) -> bool:
        """Whether the data says in another way whether a record is in a state: by its contrary, or by a date."""
        contraries = [
            value.removeprefix(prefix) for prefix in ("un", "in", "not ", "non-") if value.startswith(prefix)
        ]
        names = {item.name for item in self._known.entities[entity].attributes}
        dates = {f"{value}_{end}" for end in ("on", "at", "date")}
        lent = {"available", "lent"} if value in ("lent", "returned") else set[str]()
        return any(self._known.holder(entity, item) for item in contraries) or not names.isdisjoint(
            dates | lent
        )

    def _state(self, entity: str, value: str) -> tuple[Attribute, ...]:
        """What an entity needs to be in a state: a choice of its status, or a flag."""
        if value in words.STATES or value.endswith("ed"):
            choices = ("open", value) if value != "open" else ("open",)
            return (Attribute(name="status", type="choice", choices=choices),)
        return (Attribute(name=attribute_name(value), type="boolean"),)


def _is_due_date(attribute: Attribute) -> bool:
    """Whether an attribute says until when something is to be done."""
    return attribute.type == "date" and bool(_DUE.fullmatch(attribute.name))


def plausible(attribute: Attribute) -> bool:
    """Whether a phrase after "with" can be the name of an attribute, and not a way of doing things."""
    parts = re.sub(r"^(?:number|date|year|kind|place|day)_of_", "", attribute.name).split("_")
    return len(parts) <= 3 and not set(parts) & _NOT_ATTRIBUTES and parts[0] not in _QUANTITIES


def _split(text: str) -> list[str]:
    return [part for part in re.split(r", (?:and |or )?| and | or |/", text) if part]
