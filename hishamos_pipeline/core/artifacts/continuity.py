"""Ids that last: what is the same as before keeps its id, what is new gets one that was never used.

What was retired and comes back word for word gets its own id back; nothing else ever gets it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import count
from types import MappingProxyType
from typing import TypeVar, cast

from hishamos_pipeline.core.artifacts.documents import Criterion, Requirement, Requirements, Stories, Story
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.core.text.ids import next_number, numbered

T = TypeVar("T", Requirement, Story)
D = TypeVar("D", bound=Requirements | Stories)
_SIMILAR = 0.7
_ITEMS: Mapping[type, str] = MappingProxyType({Requirements: "requirements", Stories: "stories"})
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
    if after.revision_of:  # whoever revises keeps ids by itself
        return after.model_copy(update={"revision_of": ""})
    keys: tuple[Callable[[Requirement], object], ...] = (
        lambda r: (r.kind, r.source) if r.source else None,
        lambda r: (r.kind, r.title),
        lambda r: (r.kind, r.statement),
    )
    given = {
        **_word_for_word(before.retired, after.requirements, lambda r: r.model_copy(update={"id": ""})),
        **_untouched((*before.requirements, *before.retired), after.requirements, edited),
    }
    same = _same(before.requirements, after.requirements, given, keys, lambda r: r.title.casefold())
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
    if after.revision_of:  # whoever revises keeps ids by itself
        return after.model_copy(update={"revision_of": ""})
    keys: tuple[Callable[[Story], object], ...] = (
        lambda s: s.title.casefold(),
        lambda s: s.want.casefold(),
        lambda s: (s.requirements, s.actor),
    )
    given = {
        **_word_for_word(before.retired, after.stories, _said),
        **_untouched((*before.stories, *before.retired), after.stories, edited),
    }
    same = _same(before.stories, after.stories, given, keys, lambda s: s.title.casefold())
    fresh = _numbers("US", (story.id for story in (*before.stories, *before.retired)))
    ids = {story.id: same[n].id if n in same else fresh() for n, story in enumerate(after.stories)}
    epics = _epic_ids(before, after, same)
    old = {story.id: story for story in (*before.stories, *before.retired)}
    kept = set(ids.values())
    return after.model_copy(
        update={
            "epics": tuple(epic.model_copy(update={"id": epics[epic.id]}) for epic in after.epics),
            "stories": tuple(_renamed(story, ids, epics, old.get(ids[story.id])) for story in after.stories),
            "retired": _retired(before.retired, before.stories, kept),
        }
    )


def as_before(earlier: D, newest: D) -> D:
    """A document as it was before; what came into it since is retired, so that no id is ever given twice."""
    field = _ITEMS[type(earlier)]
    known = {item.id for item in (*getattr(earlier, field), *earlier.retired)}
    since = [item for item in (*newest.retired, *getattr(newest, field)) if item.id not in known]
    return cast("D", earlier.model_copy(update={"retired": (*earlier.retired, *since)}))


def _renamed(story: Story, ids: Mapping[str, str], epics: Mapping[str, str], old: Story | None) -> Story:
    return story.model_copy(
        update={
            "id": ids[story.id],
            "epic": epics.get(story.epic, story.epic),
            "criteria": lasting_criteria(story.criteria, ids[story.id], old),
            "depends_on": tuple(ids.get(name, name) for name in story.depends_on),
        }
    )


def lasting_criteria(criteria: Iterable[Criterion], name: str, old: Story | None) -> tuple[Criterion, ...]:
    """Criteria of a story, which was ``old``: those that say the same, or of the same case, keep their ids.

    Others get numbers that the story never had.
    """
    given, left = list(criteria), list(old.criteria if old else ())
    fresh = count(next_number(item.id for item in left))
    ids: dict[int, str] = {}
    keys: tuple[Callable[[Criterion], object], ...] = (
        lambda c: (c.given, c.when, c.then),
        lambda c: (c.given, c.when),
        lambda c: (c.when, c.then),
    )
    for key in keys:
        for number, item in enumerate(given):
            same = (
                next((other for other in left if key(other) == key(item)), None)
                if number not in ids
                else None
            )
            if same is not None:
                ids[number] = same.id
                left.remove(same)
    return tuple(
        item.model_copy(update={"id": ids.get(number) or f"{name}-AC{next(fresh)}"})
        for number, item in enumerate(given)
    )


def _epic_ids(before: Stories, after: Stories, same: Mapping[int, Story]) -> dict[str, str]:
    """An epic of the same title keeps its id; one that comes back with its stories gets its own id back."""
    known = {epic.title: epic.id for epic in before.epics}
    back = {
        story.epic: same[number].epic
        for number, story in enumerate(after.stories)
        if number in same and same[number].epic not in known.values()
    }
    fresh = _numbers("EP", [*known.values(), *(story.epic for story in before.retired)])
    return {epic.id: known.get(epic.title) or back.get(epic.id) or fresh() for epic in after.epics}


def _said(story: Story) -> object:
    """A story without what its place in the backlog gives it."""
    criteria = tuple((c.given, c.when, c.then) for c in story.criteria)
    return (story.title, story.want, story.actor, story.benefit, story.requirements, criteria)


def _word_for_word(retired: Sequence[T], after: Sequence[T], said: Callable[[T], object]) -> dict[int, T]:
    """What was retired and is there again exactly as it was."""
    found: dict[int, T] = {}
    left = list(retired)
    for number, item in enumerate(after):
        again = next((old for old in left if said(old) == said(item)), None)
        if again is not None:
            found[number] = again
            left.remove(again)
    return found


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
    after: Sequence[T],
    given: Mapping[int, T],
    keys: Sequence[Callable[[T], object]],
    text: Callable[[T], str],
) -> dict[int, T]:
    """For positions in ``after``, the item of the pool that it is: as given, by the first key that agrees, or alike."""
    found = dict(given)
    left = [item for item in pool if item not in found.values()]
    for key in keys:
        known = {key(item): item for item in reversed(left) if key(item) is not None}
        for number, item in enumerate(after):
            old = known.pop(key(item), None) if number not in found else None
            if old is not None:
                found[number] = old
                left.remove(old)
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
