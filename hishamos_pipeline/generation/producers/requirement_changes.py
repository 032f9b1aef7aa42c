"""Which requirements have changed since an artifact was made from them."""

from collections.abc import Iterable, Sequence

from hishamos_pipeline.core.artifacts.documents import Requirement, Requirements
from hishamos_pipeline.core.artifacts.idea import Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.differing import differing

# Where more than this share has changed or is gone, what fits together is better made anew.
_MOST_CHANGED = 0.5


def changed_requirements(
    before: Requirements, now: Requirements, *, is_read: bool = False
) -> set[str] | None:
    """Requirements that are new, or different, or about what is; ``None`` where all is better made anew.

    Qualities that verification shows are the same for every project, and do not count.

    Args:
        before: the requirements that something was made from.
        now: as they are.
        is_read: whether somebody has read what has changed and said what that changes; else each requirement counts
            that cites a changed section, or speaks of an entity or a file that is another.
    """
    if (before.title, before.stack) != (now.title, now.stack):
        return None
    known = {item.id: item for item in before.requirements if item.kind != "quality"}
    own = [item for item in now.requirements if item.kind != "quality"]
    texts = {section.id: section.text for section in before.brief}
    reworded = {s.id for s in now.brief if texts.get(s.id) != s.text} if not is_read else set()
    names = [] if is_read else [*_others(before.entities, now.entities), *_handed(before, now)]
    changed = {
        item.id
        for item in own
        if item.id not in known
        or _meaning(known[item.id]) != _meaning(item)
        or reworded & set(item.sections)
        or any(_speaks_of(item, name) for name in names)
    }
    gone = known.keys() - {item.id for item in own}
    return None if len(changed & known.keys()) + len(gone) > _MOST_CHANGED * max(1, len(known)) else changed


def _meaning(item: Requirement) -> object:
    """A requirement without where it stands in the brief."""
    return item.model_copy(update={"sections": (), "source": "", "external_id": ""})


def _others(before: Sequence[Entity], now: Sequence[Entity]) -> Iterable[str]:
    """Names of entities that are new, gone or have other attributes."""
    return differing(*({item.name: item for item in entities} for entities in (before, now)))


def _handed(before: Requirements, now: Requirements) -> Iterable[str]:
    """Names of files beside the brief that are new, gone or others."""
    return differing(*({file.path: file.sha256 for file in r.files} for r in (before, now)))


def _speaks_of(item: Requirement, name: str) -> bool:
    said = "\n".join((item.title, item.statement, *item.acceptance)).casefold()
    return bool(re.search(rf"(?:^|\W){re.escape(name.casefold())}(?:s|es)?(?:\W|$)", said))
