"""The first few records by a number or a date: "the top 5 books by price", "the 3 newest notes"."""

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary
from hishamos_pipeline.core.artifacts.idea import Attribute
from hishamos_pipeline.core.text import linear_re as re

# Which end comes first: of a number that is named, of a price or an amount where none is, of a date.
_HIGHEST, _LOWEST = ["most", "longest"], ["least", "fewest", "shortest"]
_DEAREST, _CHEAPEST = ["most expensive", "dearest"], ["least expensive", "cheapest"]
_LARGEST, _SMALLEST = ["highest", "largest", "biggest", "greatest"], ["lowest", "smallest"]
_LATEST, _EARLIEST = ["most recent", "newest", "latest", "last"], ["oldest", "earliest"]
_ENDS = "|".join((*_HIGHEST, *_LOWEST, *_DEAREST, *_CHEAPEST, *_LARGEST, *_SMALLEST, *_LATEST, *_EARLIEST))
_PRICES = frozenset({"price", "cost", "unit_price", "amount"})
_MONEY = re.compile(r"price|cost|fee|amount|rate|fare|charge")
_LENGTHS = re.compile(
    r"length|pages|duration|distance|minutes|hours|days|weeks|nights|time|size|height|words"
)
# Dates that say since when there is something; any other may be about something else that happened to it.
_SINCE = re.compile(
    r"(?:(?:added|bought|created|founded|hired|issued|joined|lent|loaned|borrowed|made|opened|posted|published|purchased"
    r"|received|recorded|registered|released|started|submitted|taken|written)(?:_(?:on|at|date))?"
    r"|(?:acquisition|creation|entry|hire|issue|joining|purchase|publication|registration|release|start)_date|date|day)"
)
_AGE = re.compile(
    r"(?:.*_)?(?:age|birth_?date|birth_?day|born(?:_on)?|date_of_birth|year|vintage|founded)(?:_.*)?"
)
# Of these, the lowest is often the best: which ones are the highest, or the top, is anybody's guess.
_RANKS = re.compile(r"(?:.*_)?(?:rank|ranking|position|place|placing|priority|class|grade)")
_EITHER_WAY = re.compile(r"(?:.*_)?(?:time|number|errors?)")
_N = rf"(?P<n>{words.NUMBER})"
_BY = r"by (?:the |their )?(?P<by>[a-z ]+)"
_PATTERNS = (
    rf"(?:the )?top {_N} (?P<e>{{noun}}) {_BY}",
    rf"(?:the )?{_N} (?P<e>{{noun}}) with the (?P<end>{_ENDS}) (?P<by>[a-z ]+)",
    rf"(?:the )?{_N} (?P<end>{_ENDS}) (?P<e>{{noun}})(?: {_BY})?",
    rf"(?:the )?(?P<end>last|latest) {_N} (?P<e>{{noun}})(?: {_BY})?",
)
_THE_ONE = (
    rf"(?:the )?(?P<e>{{noun}}) with the (?P<end>{_ENDS}) (?P<by>[a-z ]+)",
    rf"(?:the )?(?:one )?(?P<end>{_ENDS}) (?P<e>{{noun}})(?: {_BY})?",
)
# Records that a test makes besides those that are to be found, and the least that a field begins at in tests.
_ROOM, _START = 8, 12


def read_top(known: Vocabulary, verb: str, rest: str) -> Operation | None:
    """The list of the first few that a clause asks for; ``None`` where it asks for none."""
    if verb not in (*words.VIEW, *words.LIST, "get"):
        return None
    match = next(
        (found for pattern in (*_PATTERNS, *_THE_ONE) if (found := known.match(pattern, rest))), None
    )
    if match is None:
        return None
    said = match.groupdict()
    entity, most = known.forms[match["e"]], words.number(said.get("n") or "1")
    if words.is_plural(match["e"]) != (most > 1):
        return None
    end, by = said.get("end") or "top", said.get("by") or ""
    if end == "oldest" and words.singular(entity).rpartition(" ")[2] in words.PEOPLE:
        return None  # how long somebody has been there is not how old somebody is
    ranked = _asked(known.entities[entity].attributes, end, by, by and known.criterion(entity, by))
    if ranked is None or most < 1 or not _fits(ranked[0], most):
        return None
    return Operation("top", entity, (ranked[0].name,), f"{most} {ranked[1]}")


def _asked(attributes: tuple[Attribute, ...], end: str, by: str, name: str) -> tuple[Attribute, str] | None:
    """The attribute that records are ranked by, and which end comes first."""
    if by:
        candidates = [item for item in attributes if item.name == name]
    elif end in (*_DEAREST, *_CHEAPEST):
        candidates = [item for item in attributes if item.name in _PRICES]
    elif end in (*_LARGEST, *_SMALLEST):
        candidates = [item for item in attributes if item.name == "amount"]
    elif any(_AGE.fullmatch(item.name) for item in attributes):
        return None  # how old something is may be told by that
    else:
        candidates = [item for item in attributes if item.type == "date" and _SINCE.fullmatch(item.name)]
    if len(candidates) != 1 or not _is_clear(end, candidates[0]):
        return None
    is_date = candidates[0].type == "date"
    high = [*_LATEST, "top"] if is_date else [*_HIGHEST, *_DEAREST, *_LARGEST, "top"]
    low = _EARLIEST if is_date else [*_LOWEST, *_CHEAPEST, *_SMALLEST]
    return (candidates[0], "lowest" if end in low else "highest") if end in (*high, *low) else None


def _is_clear(end: str, attribute: Attribute) -> bool:
    """Whether a word for the first ones says which these are by an attribute: nothing is cheap by its hours."""
    if _RANKS.fullmatch(attribute.name):
        return False
    if end == "top":
        return attribute.type != "date" and not _EITHER_WAY.fullmatch(attribute.name)
    if end in (*_DEAREST, *_CHEAPEST):
        return bool(_MONEY.search(attribute.name))
    return end not in ("longest", "shortest") or bool(_LENGTHS.search(attribute.name))


def _fits(attribute: Attribute, most: int) -> bool:
    """Whether more records than are asked for can differ in it."""
    if attribute.type not in ("integer", "decimal", "date"):
        return False
    first = _START if attribute.minimum is None else attribute.minimum
    return attribute.maximum is None or attribute.maximum >= first + most + _ROOM
