"""Which requirements have changed since an artifact was made from them."""

from hishamos_pipeline.core.artifacts.documents import Requirements

# Where more than this share has changed, what fits together is better made anew.
_MOST_CHANGED = 0.5


def changed_requirements(before: Requirements, now: Requirements) -> set[str] | None:
    """Requirements that are new or different; ``None`` where so much is that all is made anew.

    Qualities that verification shows are the same for every project, and do not count.
    """
    if (before.entities, before.title, before.stack) != (now.entities, now.title, now.stack):
        return None
    known = {item.id: item for item in before.requirements}
    own = [item for item in now.requirements if item.kind != "quality"]
    changed = {item.id for item in own if known.get(item.id) != item}
    return None if len(changed) > _MOST_CHANGED * len(own) else changed
