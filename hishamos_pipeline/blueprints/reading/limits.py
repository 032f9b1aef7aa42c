"""Sentences that say how many records may belong to another one: "a member may have at most 3 loans at a time"."""

from collections.abc import Sequence

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.ends import can_end, says_when_it_ends
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.wording import plain

_N = rf"(?P<n>{words.NUMBER})"
_MOST = r"(?:at most|no more than|up to|a maximum of|not more than)"
_OPEN = "open|active|unreturned|outstanding|unpaid|unfinished|current"
_OWNER = r"(?:(?:an?|each|every|one|no) )?(?P<owner>[a-z -]+?)"
_COUNTED = rf"(?:(?P<quality>{_OPEN}) )?(?P<inner>[a-z -]+?)"
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
    has_end = can_end(entities[inner])
    if len(ways) != 1 or (said["quality"] and not has_end):
        return None
    if (said["quality"] or said["once"]) and not says_when_it_ends(entities[inner]):
        return None  # in some state, whether it counts is anybody's guess
    # Where nothing can end, all that there is at a time counts.
    is_open = bool(said["quality"] or said["once"]) and has_end
    most = words.number(said["n"] or "")
    return Operation("limit", inner, (ways[0],), f"{most} open" if is_open else str(most)) if most else None
