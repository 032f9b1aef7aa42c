"""People's edits: each is about one item, and holds whatever an engine makes of that item later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.items import DERIVED, Item
from hishamos_pipeline.core.text.hashing import content_hash

ABSENT = ""


# How the reason of an edit begins that a model has worded, from somebody's wish; nobody else's begins so.
WORDED = "change: "


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person made of an item.

    ``content`` is ``None`` for an item that was removed. ``base`` is the hash of what the person saw, ``ABSENT`` for an
    item that was not there; ``seen`` is that text itself, ``None`` if it was not there or is not known any more.
    ``id`` is 0 for one that is not in the store yet.
    """

    kind: str
    item: str
    content: Item
    base: str
    seen: Item = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an engine would make of an item that a person has edited; ``content`` is ``None`` where it would be gone."""

    kind: str
    item: str
    content: Item
    edit: int


def item_hash(item: Item) -> str:
    """The hash of an item, ``ABSENT`` for none."""
    return ABSENT if item is None else content_hash(item)


def edits_between(kind: str, before: Mapping[str, Item], after: Mapping[str, Item]) -> list[Edit]:
    """The edits that make ``after`` of ``before``."""
    names = dict.fromkeys([*before, *after])
    return [
        Edit(kind, name, after.get(name), item_hash(before.get(name)), before.get(name))
        for name in names
        if name not in DERIVED and before.get(name) != after.get(name)
    ]


def overlay(items: Mapping[str, Item], edits: Sequence[Edit]) -> tuple[dict[str, Item], list[Proposal]]:
    """What was made with what people made of it.

    Fields that the person left alone follow what is made now. What the person has changed stands; where something else
    is made of that now, it is proposed.

    Args:
        items: what an engine has made, by name.
        edits: people's edits of this document, the oldest first; the newest of an item counts.
    """
    result = dict(items)
    proposals = []
    for edit in {edit.item: edit for edit in edits}.values():
        made = items.get(edit.item)
        content, differs = _merged(edit, made)
        if differs:
            proposals.append(Proposal(edit.kind, edit.item, made, edit.id))
        if content is None:
            result.pop(edit.item, None)
        else:
            result[edit.item] = content
    return result, proposals


def _merged(edit: Edit, made: Item) -> tuple[Item, bool]:
    """The item with a person's changes, and whether something else is made now of what they changed."""
    mine, seen = edit.content, edit.seen
    if made == mine or item_hash(made) == edit.base:
        return mine, False
    if not all(isinstance(item, dict) for item in (mine, seen, made)):
        return mine, True
    kept = {name for name in mine if mine[name] != seen.get(name)}
    content = {name: value for name, value in mine.items() if name in kept or name not in made}
    differs = any(made.get(name) not in (seen.get(name), mine[name]) for name in kept)
    return {**made, **content}, differs
