"""Ids that last: what is the same as before keeps its id, what is new gets one that was never used.

What was retired and comes back word for word gets its own id back; nothing else ever gets it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import count
from types import MappingProxyType
from typing import TypeVar

from hishamos_pipeline.core.documents import Criterion, Epic, Requirement, Requirements, Stories, Story
from hishamos_pipeline.core.hashing import content_hash
from hishamos_pipeline.core.ids import next_number, numbered

T = TypeVar("T", Requirement, Story)
_SIMILAR = 0.7
NOBODY_EDITED: Mapping[str, str] = MappingProxyType({})


def keep_requirement_ids(
    before: Requirements | None, after: Requirements, edited: Mapping[str, str] = NOBODY_EDITED
) -> Requirements:
    """``after`` with the ids of ``before`` where a requirement is the same; those that are gone are retired.

    Args:
        before: the revision before, with what people made of it.
        after: what an engine has made.
        edited: for items that people have edited or removed, the hash of what an engine had made of them.
    """
    if before is None:
        return after
    pool = (*before.requirements, *before.retired)
    keys: tuple[Callable[[Requirement], object], ...] = (
        lambda r: (r.kind, r.source) if r.source else None,
        lambda r: (r.kind, r.title),
        lambda r: (r.kind, r.statement),
    )
    untouched = _untouched(pool, after.requirements, edited)
    same = _same(
        pool, len(before.requirements), after.requirements, untouched, keys, lambda r: r.title.casefold()
    )
    fresh = _numbers("REQ", (item.id for item in (*before.requirements, *before.retired)))
    kept = {old.id for old in same.values()}
    return after.model_copy(
        update={
            "requirements": tuple(
                item.model_copy(update={"id": same[n].id if n in same else fresh()})
                for n, item in enumerate(after.requirements)
            ),
            "retired": _retired(before.retired, before.requirements, kept),
        }
    )


def keep_story_ids(
    before: Stories | None, after: Stories, edited: Mapping[str, str] = NOBODY_EDITED
) -> Stories:
    """``after`` with the ids of ``before`` where a story or epic is the same; stories that are gone are retired.

    The arguments are as those of ``keep_requirement_ids``.
    """
    if before is None:
        return after
    pool = (*before.stories, *before.retired)
    keys: tuple[Callable[[Story], object], ...] = (
        lambda s: s.title.casefold(),
        lambda s: s.want.casefold(),
        lambda s: (s.requirements, s.actor),
    )
    untouched = _untouched(pool, after.stories, edited)
    same = _same(pool, len(before.stories), after.stories, untouched, keys, lambda s: s.title.casefold())
    fresh = _numbers("US", (story.id for story in (*before.stories, *before.retired)))
    ids = {story.id: same[n].id if n in same else fresh() for n, story in enumerate(after.stories)}
    epics = _epic_ids(before.epics, after.epics)
    kept = set(ids.values())
    return after.model_copy(
        update={
            "epics": tuple(epic.model_copy(update={"id": epics[epic.id]}) for epic in after.epics),
            "stories": tuple(_renamed(story, ids, epics) for story in after.stories),
            "retired": _retired(before.retired, before.stories, kept),
        }
    )


def _renamed(story: Story, ids: Mapping[str, str], epics: Mapping[str, str]) -> Story:
    def criterion(item: Criterion) -> Criterion:
        return item.model_copy(update={"id": item.id.replace(story.id, ids[story.id], 1)})

    return story.model_copy(
        update={
            "id": ids[story.id],
            "epic": epics.get(story.epic, story.epic),
            "criteria": tuple(criterion(item) for item in story.criteria),
            "depends_on": tuple(ids.get(name, name) for name in story.depends_on),
        }
    )


def _epic_ids(before: Sequence[Epic], after: Sequence[Epic]) -> dict[str, str]:
    known = {epic.title: epic.id for epic in before}
    fresh = _numbers("EP", known.values())
    return {epic.id: known.get(epic.title) or fresh() for epic in after}


def _numbers(prefix: str, used: Iterable[str]) -> Callable[[], str]:
    counter = count(next_number(used))
    return lambda: numbered(prefix, next(counter))


def _retired(retired: Sequence[T], before: Sequence[T], kept: Collection[str]) -> tuple[T, ...]:
    everything = list(retired)
    everything.extend(before)
    return tuple([item for item in everything if item.id not in kept])


def _untouched(pool: Sequence[T], after: Sequence[T], edited: Mapping[str, str]) -> dict[int, T]:
    """Items that an engine made exactly as before, although a person has changed or removed them since."""
    found: dict[int, T] = {}
    by_id = {item.id: item for item in pool}
    for number, item in enumerate(after):
        for name, base in edited.items():
            if name in by_id and content_hash(item.model_copy(update={"id": name})) == base:
                found[number] = by_id.pop(name)
                break
    return found


def _same(
    pool: Sequence[T],
    active: int,
    after: Sequence[T],
    given: Mapping[int, T],
    keys: Sequence[Callable[[T], object]],
    text: Callable[[T], str],
) -> dict[int, T]:
    """For positions in ``after``, the item of the pool that it is: as given, by the first key that agrees, or alike.

    Only the first ``active`` of the pool may be found by likeness: the rest is retired.
    """
    found = dict(given)
    left = [item for item in pool if item not in found.values()]
    for key in keys:
        known = {key(item): item for item in reversed(left) if key(item) is not None}
        for number, item in enumerate(after):
            old = known.pop(key(item), None) if number not in found else None
            if old is not None:
                found[number] = old
                left.remove(old)
    left = [item for item in left if item in pool[:active]]
    for number, item in enumerate(after):
        if number in found or not left:
            continue
        likeness, best = max(
            ((SequenceMatcher(None, text(old), text(item)).ratio(), n) for n, old in enumerate(left)),
            key=lambda pair: (pair[0], -pair[1]),
        )
        if likeness >= _SIMILAR:
            found[number] = left.pop(best)
    return found
