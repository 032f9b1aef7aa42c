"""Attributes that say that a record is done with: it is not due any more, and counts no longer."""

from hishamos_pipeline.core.artifacts.idea import Attribute, Entity

# Names of attributes that hold the state of a record.
STATES = ("status", "state", "stage", "phase")
_ENDS = frozenset(
    """returned done completed finished closed paid cancelled canceled resolved archived delivered settled""".split()
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


def can_end(entity: Entity) -> bool:
    """Whether records can be done with."""
    return any(map(ends, entity.attributes))
