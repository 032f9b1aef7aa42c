"""The items that a document consists of: requirements, stories, files, sprints. They are edited one by one.

What stands beside the items, such as a title, is an item too: ``@title``.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from hishamos_pipeline.core.artifacts.document import Document

D = TypeVar("D", bound=Document)
Item = Any  # plain data: an object for what is listed, any value for a field beside the list
# Where each kind of document keeps its items, and what names them.
_ITEMS: Mapping[str, tuple[str, str]] = {
    "requirements": ("requirements", "id"),
    "stories": ("stories", "id"),
    "architecture": ("files", "path"),
    "sprint_plan": ("sprints", "number"),
    "source_code": ("files", "path"),
    "test_suite": ("files", "path"),
    "documentation": ("files", "path"),
    "ci_config": ("files", "path"),
}
EDITABLE = tuple(_ITEMS)
FILE_SETS = frozenset({"source_code", "test_suite", "documentation", "ci_config"})
# Fields that follow from the rest: nobody edits them.
DERIVED = frozenset(
    {
        "@retired",
        "@tests",
        "@brief",
        "@files",
        "@required",
        "@required_stories",
        "@waiting",
        "@faults_found",
        "@revision_of",
    }
)
_FIELD = "@"


def items_of(artifact: str, document: Document) -> dict[str, Item]:
    """The items of a document by name, in order, as plain data."""
    field, name = _ITEMS[artifact]
    plain = json.loads(document.model_dump_json())
    listed = {str(item[name]): _lasting(item) for item in plain.pop(field)}
    return {**{f"{_FIELD}{key}": value for key, value in plain.items()}, **listed}


def _lasting(item: Item) -> Item:
    """An item without what the scope of one build says of it: an edit has to fit the next build, too."""
    return {**item, "status": "planned", "reason": ""} if item.get("status") == "waiting" else item


def of_items(artifact: str, items: Mapping[str, Item], as_type: type[D]) -> D:
    """The document of these items.

    Raises:
        pydantic.ValidationError: an item lacks something, or has something wrong.
    """
    field, _ = _ITEMS[artifact]
    listed = [item for name, item in items.items() if not name.startswith(_FIELD)]
    beside = {name.removeprefix(_FIELD): item for name, item in items.items() if name.startswith(_FIELD)}
    return as_type.model_validate_json(json.dumps({**beside, field: listed}))


def name_of(artifact: str, item: Item) -> str:
    """The name of a listed item; empty if it has none."""
    return str(item.get(_ITEMS[artifact][1], ""))
