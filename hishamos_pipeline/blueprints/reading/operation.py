"""One thing to do with the records of one entity."""

from dataclasses import dataclass, replace
from typing import Literal

from hishamos_pipeline.core.artifacts.idea import Attribute
from hishamos_pipeline.intake.attributes import attribute_name

Kind = Literal[
    "create", "view", "list", "search", "filter", "sort", "update", "delete", "status",
    "assign", "tag", "count", "group", "total", "average", "due", "top", "export", "import", "history",
    "persist", "rule", "limit", "clear", "mark_all", "page",
    "restore", "deleted", "calculate",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do with the records of one entity.

    ``attributes`` are the attributes concerned; ``value`` is a state, a file format or a rule;
    ``needs`` are attributes that the entity must have for it.
    """

    kind: Kind
    entity: str
    attributes: tuple[str, ...] = ()
    value: str = ""
    needs: tuple[Attribute, ...] = ()


def reference_to(entity: str) -> Attribute:
    """The attribute by which a record belongs to a record of another entity."""
    return Attribute(name=attribute_name(entity), type="reference", target=entity, required=True)


def without_needs(operation: Operation) -> Operation:
    """The operation once its needs are part of the data model."""
    return replace(operation, needs=())
