"""What is done with many records at once: "mark all tasks as done", "delete all finished tasks"."""

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary
from hishamos_pipeline.core.text import linear_re as re

# Whose records they are is no rule that this engine keeps: nobody's but theirs may be touched.
_WHOSE = re.compile(r"\b(?:my|mine|his|her|their|our|its|own)\b")
_ALL = re.compile(r"(?:all|every|each)\b")


def read_bulk(known: Vocabulary, verb: str, rest: str) -> Operation | None:
    """The operation on all records, or on all in a state, that a clause asks for; ``None`` where it asks for none."""
    if _WHOSE.search(rest):
        return None
    if verb in words.DELETE:
        return _clear(known, rest)
    if not _ALL.match(rest):
        return None
    if verb in words.STATUS:
        match = known.match(r"(?P<e>{noun})", rest)
        return _mark(known, match["e"], words.STATUS[verb]) if match else None
    if verb in ("mark", "set", "flag"):
        match = known.match(r"(?P<e>{noun}) (?:as|to) (?P<value>[a-z]+(?:[ -][a-z]+)?)", rest)
        return _mark(known, match["e"], match["value"]) if match else None
    return None


def _clear(known: Vocabulary, rest: str) -> Operation | None:
    match = known.match(
        r"(?:(?P<state>[a-z]+(?: [a-z]+)?) )?(?P<e>{noun})(?: (?:that|which|who) are (?P<told>[a-z]+(?: [a-z]+)?))?",
        rest,
    )
    if match is None or not words.is_plural(match["e"]):
        return None
    entity, said = known.forms[match["e"]], match["state"] or match["told"]
    if not said:
        return Operation("clear", entity) if _ALL.match(rest) else None
    held = known.state(entity, said) if not (match["state"] and match["told"]) else None
    return (
        Operation("clear", entity, (held[0],), held[1]) if held and _differs(known, entity, held[0]) else None
    )


def _mark(known: Vocabulary, noun: str, value: str) -> Operation | None:
    entity = known.forms[noun]
    holder = known.holder(entity, value)
    if not holder or not _differs(known, entity, holder) or not words.is_plural(noun):
        return None
    return Operation("mark_all", entity, (holder,), value)


def _differs(known: Vocabulary, entity: str, name: str) -> bool:
    """Whether records can differ in an attribute."""
    attribute = known.attribute(entity, name)
    return attribute.type == "boolean" or len(attribute.choices) > 1
