"""What is worked out of a record's values: "the profit of a project is its income minus its costs"."""

from collections.abc import Iterator, Sequence

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import attribute_name
from hishamos_pipeline.intake.wording import plain

_IS = r"(?:is|equals|=|is (?:calculated|computed|worked out) as|is always)"
# Whoever may see records sees what is worked out of them; any other word before would restrict it.
_SEES = (
    r"(?:(?:as an? [a-z]+, )?(?:(?:the |an? |every |any )?(?P<actor>[a-z]+)) (?:can|wants? to|may|am able to) )?"
    r"(?:see|view|show|calculate|compute|work out)"
)
_NAME, _OWNER = r"(?P<name>[a-z]+(?: [a-z]+){0,2}?)", r"(?:an?|the|each|every) (?P<owner>[a-z][a-z -]*?)"
_SENTENCES = (
    rf"(?:the )?{_NAME} (?:of|for) {_OWNER} {_IS} (?P<how>.+)",
    rf"(?:{_OWNER}'s) {_NAME} {_IS} (?P<how>.+)",
    rf"{_OWNER} has an? {_NAME},? (?:that|which) {_IS} (?P<how>.+)",
    rf"{_SEES} the {_NAME} (?:of|for) {_OWNER},? (?:as|which {_IS}) (?P<how>.+)",
    rf"(?:the )?{_NAME} {_IS} (?P<how>.+)",
)
# Words that are part of no figure's name: they say which records, how many of them, or on what condition.
_NOT_IN_NAMES = frozenset(
    """a all always an and any are as at average cheapest count do each every except few for from has have highest how
    i if in is it its largest latest lowest many maximum mean median minimum most my never newest no nobody none not
    number of often oldest on only or our smallest some sometimes that the their these this those to unless until
    after across before by combined daily grand monthly once over overall per then today weekly yearly
    user usually when where which who whose with without your""".split()
)
_NO_ACTORS = frozenset("few many most nobody none noone nothing some".split())
_ITS = r"(?:the |its |their )?"
_A, _B = rf"{_ITS}(?P<a>[a-z][a-z -]*?)", rf"{_ITS}(?P<b>[a-z][a-z -]*?)"
# Of each way of working something out, the patterns that ask for it; in "sum" there may be more than two.
_WAYS = (
    ("days", rf"(?:the )?(?:number of )?days (?:between|from) {_A} (?:and|to|until|till) {_B}"),
    ("product", rf"{_A} (?:times|multiplied by|\*|x) {_B}"),
    ("percentage", rf"{_A} (?:as a percentage|as a percent|in percent|in %) of {_B}"),
    ("percentage", rf"(?:the )?percentage of {_A} (?:in|of) {_B}"),
    ("quotient", rf"{_A} (?:divided by|/) {_B}"),
    ("difference", rf"{_A} (?:minus|less|-) {_B}"),
)
_SUM = (r"(?:the )?sum of (?P<all>.+)", r"(?P<all>.+? (?:plus|\+) .+)")
_BETWEEN = re.compile(r" (?:plus|\+|and) |, (?:and )?")
# Words of an address or a command that other things have.
_TAKEN = frozenset("history tags restore deleted".split())


def read_calculation(text: str, entities: Sequence[Entity]) -> Operation | None:
    """What a sentence says is worked out of a record's values; ``None`` if it says nothing of the kind."""
    line = plain(text).lower().replace("’", "'").rstrip(".")
    match = next((said for sentence in _SENTENCES if (said := re.fullmatch(sentence, line))), None)
    found = list(_calculations(match.groupdict(), entities)) if match else []
    return found[0] if len(found) == 1 else None


def _calculations(said: dict[str, str | None], entities: Sequence[Entity]) -> Iterator[Operation]:
    """The calculation for each entity that has what it takes."""
    owner, named = said.get("owner") or "", (said["name"] or "").split()
    if not _NOT_IN_NAMES.isdisjoint(named) or said.get("actor") in _NO_ACTORS:
        return
    try:
        name = attribute_name(" ".join(named))
    except ValueError:
        return
    if any(word in (item.name, words.plural(item.name)) for word in named for item in entities):
        return  # of whom it is is said in front of it
    for entity in entities:
        known = {item.name: item for item in entity.attributes}
        way, used = _way(said["how"] or "", known)
        if way and owner in ("", entity.name) and name not in known and name not in _TAKEN:
            yield Operation("calculate", entity.name, used, f"{name} {way}")


def _way(how: str, known: dict[str, Attribute]) -> tuple[str, tuple[str, ...]]:
    """How something is worked out, and of which attributes; empty where it is not understood."""
    for way, pattern in _WAYS:
        if (match := re.fullmatch(pattern, how)) and (used := _used([match["a"], match["b"]], known, way)):
            return way, used
    for pattern in _SUM:
        if match := re.fullmatch(pattern, how):
            parts = [re.sub(f"^{_ITS}", "", part) for part in _BETWEEN.split(match["all"])]
            if used := _used(parts, known, "sum"):
                return "sum", used
    return "", ()


def _used(phrases: Sequence[str], known: dict[str, Attribute], way: str) -> tuple[str, ...]:
    """The attributes that phrases name; empty where one is not known, stands twice, or has another type."""
    try:
        names = tuple(dict.fromkeys(attribute_name(phrase) for phrase in phrases))
    except ValueError:
        return ()
    types = ("date",) if way == "days" else ("integer", "decimal")
    fits = all(name in known and known[name].type in types for name in names)
    return names if fits and len(names) == len(phrases) > 1 else ()
