"""Which revisions of a project's artifacts may go: nothing that what is kept was made from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of an artifact without its content: inputs are content hashes by kind, the size is in characters."""

    id: int
    kind: str
    number: int
    content_hash: str
    inputs: Mapping[str, str]
    created_at: datetime
    size: int


def superseded(
    revisions: Sequence[Revision], *, keep: int, before: datetime, verified: int | None
) -> list[Revision]:
    """Revisions that may go, the oldest first.

    Kept are the newest of every artifact, the last build that was verified, whatever is younger, and everything that
    any of these was made from.

    Args:
        revisions: all revisions of one project.
        keep: how many of each artifact are kept whatever their age, at least one.
        before: younger ones are kept.
        verified: the id of the last build that was verified.
    """
    by_kind: dict[str, list[Revision]] = defaultdict(list)
    for revision in sorted(revisions, key=lambda item: item.number, reverse=True):
        by_kind[revision.kind].append(revision)
    kept = {item.id for items in by_kind.values() for item in items[: max(keep, 1)]}
    kept |= {item.id for item in revisions if item.created_at >= before or item.id == verified}
    kept |= _ancestors([item for item in revisions if item.id in kept], by_kind)
    return sorted((item for item in revisions if item.id not in kept), key=lambda item: item.id)


def _ancestors(of: Iterable[Revision], by_kind: Mapping[str, Sequence[Revision]]) -> set[int]:
    """Everything that revisions were made from, however far back; a content may have had several revisions."""
    found: set[int] = set()
    waiting = list(of)
    while waiting:
        for artifact, digest in waiting.pop().inputs.items():
            for source in by_kind.get(artifact, ()):
                if source.content_hash == digest and source.id not in found:
                    found.add(source.id)
                    waiting.append(source)
    return found
