"""Words of a clause that a reading must not leave out: whose records are meant, which of them, and how many."""

from collections.abc import Sequence

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary
from hishamos_pipeline.core.text import linear_re as re

# Words before a noun that say nothing, unless the data has a state of that name.
_STATES = ("new", "single", "existing", "specific", "particular", "own", "another", "some")
_WHOSE = re.compile(r"(?:^|(?P<before>[a-z]+) )(?:his|her|their|our) ")
_OF_SEVERAL = re.compile(rf"\b(?:of|to) {words.SEVERAL}")
_NEW_PLACE = re.compile(r"\b(?:to|as|into|by|with|for|in) (?:an?|the) new\b")
# What is done with one record at a time.
_ONE_BY_ONE = (
    "create",
    "update",
    "status",
    "tag",
    "assign",
    "restore",
    "delete",
    "history",
    "view",
    "calculate",
)
_CONDITIONS = frozenset("on at before after during in while from until by since within".split())
_SOME_OF_THEM = frozenset(
    """few some most many certain selected registered logged-in signed-in paying verified premium vip specific
    particular""".split()
)


def left_out(known: Vocabulary, verb: str, rest: str, operations: Sequence[Operation]) -> bool:
    """Whether a clause says more of which records are meant than its reading does."""
    said = rest.split()
    if "new" in said and verb not in (*words.CREATE, *words.MANAGE) and not _NEW_PLACE.search(rest):
        return True
    return any(_misses(known, rest, said, item) for item in operations)


def _misses(known: Vocabulary, rest: str, said: Sequence[str], item: Operation) -> bool:
    for word in _STATES:
        holder = known.holder(item.entity, word) if word in said else ""
        if holder and item.value != word and (item.kind, item.attributes) != ("group", (holder,)):
            return True
    if known.person(item.entity) and any(
        m["before"] not in ("and", "with", "by") for m in _WHOSE.finditer(rest)
    ):
        return True
    if item.kind not in _ONE_BY_ONE:
        return False
    is_of_several = item.kind != "view" and bool(_OF_SEVERAL.search(rest))
    return is_of_several or (item.kind in ("tag", "create") and bool(re.match(words.SEVERAL, rest)))


def restricts(known: Vocabulary, actor: str) -> bool:
    """Whether an actor is only some of those who have its name, or one at some time: "on mondays guests"."""
    first, _, last = actor.partition(" ")
    if not last:
        return first in ("few", "some", "most", "many")
    if first in _CONDITIONS or first in _SOME_OF_THEM:
        return True
    noun = words.singular(last)
    return noun in known.entities and bool(known.holder(noun, first))
