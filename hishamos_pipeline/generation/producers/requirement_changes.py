"""Which requirements have changed since an artifact was made from them."""

from hishamos_pipeline.core.artifacts.documents import Requirements

# Where more than this share has changed, what fits together is better made anew.
_MOST_CHANGED = 0.5


def changed_requirements(before: Requirements, now: Requirements) -> set[str] | None:
    """Requirements that are new, or different, or cite a section that is; ``None`` where all is better made anew.

    Qualities that verification shows are the same for every project, and do not count.
    """
    if (before.entities, before.title, before.stack, before.files) != (
        now.entities, now.title, now.stack, now.files,
    ):  # fmt: skip
        return None
    known = {item.id: item for item in before.requirements}
    own = [item for item in now.requirements if item.kind != "quality"]
    texts = {section.id: section.text for section in before.brief}
    reworded = {section.id for section in now.brief if texts.get(section.id) != section.text}
    changed = {item.id for item in own if known.get(item.id) != item or reworded & set(item.sections)}
    return None if len(changed) > _MOST_CHANGED * len(own) else changed
