"""Sentences that say how many records may belong to another one: "a member may have at most 3 loans at a time"."""

from collections.abc import Mapping, Sequence

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.ends import says_when_it_ends, ways_to_end
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.wording import plain

_N = rf"(?P<n>{words.NUMBER})"
_MOST = r"(?:at most|no more than|up to|a maximum of|not more than)"
# How a record that counts is called, by what it is then not; ``None`` for anything.
_OPEN: Mapping[str, frozenset[str] | None] = {
    **dict.fromkeys(("open", "active", "outstanding", "current")),
    "unreturned": frozenset(["returned"]),
    "unpaid": frozenset(["paid", "settled"]),
    "unfinished": frozenset(["finished", "done", "completed"]),
    "unresolved": frozenset(["resolved"]),
    "undelivered": frozenset(["delivered"]),
}
_OWNER = r"(?:(?:an?|each|every|one) )?(?P<owner>[a-z -]+?)"
_COUNTED = rf"(?:(?P<quality>{'|'.join(_OPEN)}) )?(?P<inner>[a-z -]+?)"
_AT_ONCE = r"(?P<once> at (?:a|the same|any) time| at once)?"
_PATTERNS = (
    rf"{_OWNER} (?:may|can|must) (?:only )?have (?:only )?{_MOST} {_N} {_COUNTED}{_AT_ONCE}",
    rf"{_OWNER} (?:may not|can ?not|must not) have more than {_N} {_COUNTED}{_AT_ONCE}",
    rf"no (?P<owner>[a-z -]+?) (?:may|can|must) have more than {_N} {_COUNTED}{_AT_ONCE}",
    rf"{_MOST} {_N} {_COUNTED} (?:per|for each|for every) (?P<owner>[a-z -]+?){_AT_ONCE}",
)


def read_limit(text: str, entities: Sequence[Entity]) -> Operation | None:
    """The limit that a sentence states; ``None`` if it states none."""
    line = plain(text).lower().replace("’", "'")
    match = next((found for pattern in _PATTERNS if (found := re.fullmatch(pattern, line))), None)
    return _limit(match.groupdict(), {entity.name: entity for entity in entities}) if match else None


def _limit(said: dict[str, str | None], entities: dict[str, Entity]) -> Operation | None:
    owner, inner = (words.singular(said[name] or "") for name in ("owner", "inner"))
    if owner not in entities or inner not in entities or owner == inner:
        return None
    ways = [item.name for item in entities[inner].attributes if item.target == owner]
    if len(ways) != 1:
        return None
    is_open = bool(said["quality"] or said["once"])
    if is_open and not _is_clear(said["quality"], entities[inner]):
        return None  # in some state, whether it counts is anybody's guess
    # Where nothing can end, all that there is at a time counts.
    is_open = is_open and bool(ways_to_end(entities[inner]))
    most = words.number(said["n"] or "")
    return Operation("limit", inner, (ways[0],), f"{most} open" if is_open else str(most)) if most else None


def _is_clear(quality: str | None, entity: Entity) -> bool:
    """Whether the data says of each record whether it counts, and in one way only."""
    ways = ways_to_end(entity)
    meant = _OPEN[quality] if quality else None
    if not says_when_it_ends(entity) or (meant and not meant.issuperset(frozenset().union(*ways))):
        return False
    return len(ways) == 1 if quality else len(ways) <= 1
