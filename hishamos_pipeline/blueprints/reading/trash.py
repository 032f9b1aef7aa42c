"""What is deleted and can come back: "restore a deleted note", "move a note to the trash", "see deleted notes"."""

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Kind, Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary
from hishamos_pipeline.core.text import linear_re as re

_TRASH = r"(?:the )?(?:trash|trash can|bin|recycle bin|recycling bin|waste ?basket)"
_WERE_DELETED = r"(?:(?:that|which|who) )?(?:(?:was|were|is|are|has been|have been) )?(?:deleted|removed)"
_BACK = (
    rf"(?:deleted|removed|trashed) (?P<e>{{noun}})(?: from {_TRASH})?",
    rf"(?P<e>{{noun}}) (?:from|in|out of) {_TRASH}",
    rf"(?P<e>{{noun}}) {_WERE_DELETED}",
)
# States and places of the data's own.
_STATES = frozenset(["deleted", "removed", "trash", "bin", "trashed"])
_AWAY = rf"(?P<e>{{noun}}) (?:to|into|in) {_TRASH}"
_SHOWN = (*_BACK, rf"{_TRASH} of (?:the )?(?P<e>{{noun}})")


def read_trash(known: Vocabulary, verb: str, rest: str) -> tuple[Operation, ...]:
    """What a clause asks for of deleted records; nothing where it asks for something else."""
    if verb == "move":
        return _found(known, (_AWAY,), rest, "delete", "deleted")
    if verb == "undelete":
        return _found(known, (r"(?P<e>{noun})", *_BACK), rest, "restore")
    if verb in words.RESTORE:
        return _found(known, _BACK, rest, "restore")
    if verb in (*words.VIEW, *words.LIST):
        return _found(known, _SHOWN, rest, "deleted", is_plural=True)
    return ()


def _found(
    known: Vocabulary, patterns: tuple[str, ...], rest: str, *kinds: Kind, is_plural: bool = False
) -> tuple[Operation, ...]:
    """Operations on one record, or a list: what is done with all at once is another wish."""
    match = next((found for pattern in patterns if (found := known.match(pattern, rest))), None)
    if match is None or re.match(words.SEVERAL, rest) or (is_plural and not words.is_plural(match["e"])):
        return ()
    entity = known.forms[match["e"]]
    if any(known.holder(entity, word) for word in _STATES) or not _STATES.isdisjoint(known.forms):
        return ()  # what is deleted, and where that goes, the data says there
    if any(item.name in _STATES for item in known.entities[entity].attributes):
        return ()
    return tuple(Operation(kind, entity) for kind in kinds)
