"""What differs between two states of a project, item by item."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import yaml

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.artifacts.items import EDITABLE, FILE_SETS, Item, items_of
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import ArtifactMissingError, EditError
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import decoded
from hishamos_pipeline.store.store import ProjectStore

_REVISION = re.compile(r"(?:(?P<kind>[a-z_]+)@(?P<number>\d+))|(?P<state>\d+)")


@dataclass(frozen=True, slots=True)
class ItemChange:
    """How an item differs; ``diff`` is a unified diff of its text."""

    kind: str
    item: str
    status: Literal["ADDED", "MODIFIED", "REMOVED"]
    diff: str


def changes(store: ProjectStore, key: str, before: str, after: str) -> list[ItemChange]:
    """What has changed from one revision to another.

    Args:
        store: the project store.
        key: the project.
        before: ``ARTIFACT@N``, or a number of ``hishamos history``: the project as it was then.
        after: the same.

    Raises:
        EditError: that is no revision, or they are of different artifacts.
        ArtifactMissingError: there is no such revision.
    """
    old, new = _rows(store, key, before), _rows(store, key, after)
    if len(old) == len(new) == 1 and set(old) != set(new) and "@" in before + after:
        raise EditError(f"{before} and {after} are revisions of different artifacts")
    found = []
    for artifact in STEPS:
        if artifact in old or artifact in new:
            first, second = (_shown(store, artifact, rows.get(artifact)) for rows in (old, new))
            found += between(artifact, first, second)
    return found


def proposed(store: ProjectStore, key: str, number: int) -> ItemChange:
    """What an open proposal would change of the artifact as it is.

    Raises:
        ArtifactMissingError: there is no such open proposal.
    """
    row = store.edits.proposal(key, number)
    now = _shown(store, row.kind, store.artifacts.head(key, row.kind))
    content = json.loads(row.content) if row.content else None
    if content is None:
        wanted = None
    elif row.kind in FILE_SETS and not row.item.startswith("@"):
        wanted = store.units.blobs([content["sha256"]])[content["sha256"]]
    else:
        wanted = as_text(content)
    before = {row.item: now[row.item]} if row.item in now else {}
    found = between(row.kind, before, {} if wanted is None else {row.item: wanted})
    return found[0] if found else ItemChange(row.kind, row.item, "MODIFIED", "(no difference)")


def between(artifact: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[ItemChange]:
    """How items differ, given their texts by name."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        lines = difflib.unified_diff(
            (old or "").splitlines(),
            (new or "").splitlines(),
            f"a/{artifact}/{name}",
            f"b/{artifact}/{name}",
            lineterm="",
        )
        status: Literal["ADDED", "MODIFIED", "REMOVED"] = (
            "ADDED" if old is None else "REMOVED" if new is None else "MODIFIED"
        )
        found.append(ItemChange(artifact, name, status, "\n".join(lines)))
    return found


def texts_of(artifact: str, document: Document) -> dict[str, str]:
    """The items of a document as text, by name; files are told by their hash alone."""
    if artifact not in EDITABLE:
        return {"@all": as_text(document.model_dump(mode="json"))}
    return {name: as_text(item) for name, item in items_of(artifact, document).items()}


def as_text(item: Item) -> str:
    """An item as YAML, for reading and editing."""
    return yaml.safe_dump(item, sort_keys=False, allow_unicode=True, width=100)


def _shown(store: ProjectStore, artifact: str, row: ArtifactRevision | None) -> dict[str, str]:
    if row is None:
        return {}
    document = decoded(row, STEPS[artifact].document)
    if artifact not in FILE_SETS:
        return texts_of(artifact, document)
    files: tuple[TreeFile, ...] = document.files  # type: ignore[attr-defined]
    texts = store.units.blobs(file.sha256 for file in files)
    return {file.path: texts[file.sha256] for file in files}


def _rows(store: ProjectStore, key: str, revision: str) -> dict[str, ArtifactRevision]:
    match = _REVISION.fullmatch(revision)
    if match is None or (match["kind"] and match["kind"] not in STEPS):
        raise EditError(
            f"{revision!r} is no revision: write ARTIFACT@N, or a number of `hishamos history {key}`"
        )
    if match["kind"]:
        return {match["kind"]: store.artifacts.revision(key, match["kind"], int(match["number"]))}
    history = store.artifacts.history(key)
    if int(match["state"]) > len(history):
        raise ArtifactMissingError(f"project {key!r} has {len(history)} states, not {match['state']}")
    rows = history[: int(match["state"])]
    return {row.kind: row for row in rows}
