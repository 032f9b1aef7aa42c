"""Attributes that say that a record is done with: it is not due any more, and counts no longer."""

from hishamos_pipeline.core.artifacts.idea import Attribute, Entity

# Names of attributes that hold the state of a record.
STATES = ("status", "state", "stage", "phase")
_ENDS = frozenset(
    """returned done completed finished closed paid cancelled canceled resolved archived delivered settled""".split()
)

_GOING = frozenset(
    (
        "active|blocked|borrowed|doing|draft|in progress|in review|late|lent|new|on hold|open|ordered|overdue|pending"
        "|planned|ready|reserved|running|scheduled|started|to do|todo|unpaid|waiting"
    ).split("|")
)


def ends(attribute: Attribute) -> tuple[str, ...]:
    """Values of an attribute, as they are stored, that say so; none where it says nothing of it."""
    if attribute.type == "choice" and attribute.name in STATES:
        return tuple(choice for choice in attribute.choices if choice in _ENDS)
    first, _, rest = attribute.name.partition("_")
    if (
        attribute.type == "date"
        and first in _ENDS
        and rest in ("on", "at", "date")
        and not attribute.required
    ):
        return ("2026-01-01",)
    return ("1",) if attribute.type == "boolean" and attribute.name in _ENDS else ()


def says_when_it_ends(entity: Entity) -> bool:
    """Whether each state of a record is known to be one in which it is done with, or one in which it is not."""
    states = [item.choices for item in entity.attributes if item.type == "choice" and item.name in STATES]
    return all(
        first not in _ENDS and all(choice in _ENDS | _GOING for choice in others) for first, *others in states
    )


def ways_to_end(entity: Entity) -> tuple[frozenset[str], ...]:
    """What a record is when it is done with, for each attribute that says so: {"returned"}, {"done", "cancelled"}."""
    return tuple(
        frozenset(found if item.type == "choice" else [item.name.partition("_")[0]])
        for item in entity.attributes
        if (found := ends(item))
    )
