"""What is deleted and can come back: "restore a deleted note", "move a note to the trash", "see deleted notes"."""

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Kind, Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary

_TRASH = r"(?:the )?(?:trash|trash can|bin|recycle bin|recycling bin|waste ?basket)"
_WERE_DELETED = r"(?:(?:that|which|who) )?(?:(?:was|were|is|are|has been|have been) )?(?:deleted|removed)"
_BACK = (
    rf"(?:deleted|removed|trashed) (?P<e>{{noun}})(?: from {_TRASH})?",
    rf"(?P<e>{{noun}}) (?:from|in|out of) {_TRASH}",
    rf"(?P<e>{{noun}}) {_WERE_DELETED}",
)
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
        return tuple(
            item for item in _found(known, _SHOWN, rest, "deleted") if words.plural(item.entity) in rest
        )
    return ()


def _found(known: Vocabulary, patterns: tuple[str, ...], rest: str, *kinds: Kind) -> tuple[Operation, ...]:
    match = next((found for pattern in patterns if (found := known.match(pattern, rest))), None)
    entity = known.forms[match["e"]] if match else ""
    if not match or known.holder(entity, "deleted") or known.holder(entity, "removed"):
        return ()  # what is deleted is a state of its own there
    return tuple(Operation(kind, entity) for kind in kinds)
