"""What an engine made becomes the next revision: ids last, people's edits stand, what is gone is retired."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, cast

from pydantic import ValidationError

from hishamos_pipeline.core.artifacts.continuity import keep_requirement_ids, keep_story_ids
from hishamos_pipeline.core.artifacts.criteria import suite_of
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Requirements, SprintPlan, Stories, TestSuite
from hishamos_pipeline.core.artifacts.editing import WORDED, Edit, overlay
from hishamos_pipeline.core.artifacts.items import EDITABLE, items_of, of_items
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import EditError
from hishamos_pipeline.store.store import ProjectStore

D = TypeVar("D", bound=Document)


def next_revision(store: ProjectStore, key: str, artifact: str, made: D, *, keep: bool = True) -> D:
    """The document that is written as the next revision of an artifact.

    Args:
        store: knows the revision before, and people's edits.
        key: the project.
        artifact: its name in the graph, such as ``stories``.
        made: what came out of its step.
        keep: whether proposals against edits are recorded.

    Raises:
        EditError: an edit does not fit what was made.
    """
    edits = store.edits.active(key, artifact) if artifact in EDITABLE else []
    if isinstance(made, Requirements | Stories) and made.revision_of:
        edits = _without_overtaken(store, key, artifact, made, edits, keep=keep)
    if isinstance(made, TestSuite):
        edits = [moved(edit, [file.path for file in made.files]) for edit in edits]
    edited = {edit.item: edit.base for edit in edits}
    if isinstance(made, Requirements):
        before = store.artifacts.before(key, artifact, Requirements)
        made = cast("D", keep_requirement_ids(before, made, edited))
    elif isinstance(made, Stories):
        made = cast("D", keep_story_ids(store.artifacts.before(key, artifact, Stories), made, edited))
    return _with_edits(store, key, artifact, made, edits, keep=keep) if edits else made


def _without_overtaken(
    store: ProjectStore, key: str, artifact: str, made: Document, edits: list[Edit], *, keep: bool
) -> list[Edit]:
    """Edits that stand: a change that a model has worded, and words otherwise now that it has seen it, does not.

    Nobody has written it by hand, so that nothing of a person's is lost, and nobody would look for a proposal.
    """
    before = store.artifacts.before(key, artifact, type(made))
    if before is None:
        return edits
    worded = {
        row.item
        for row in store.edits.all_active(key)
        if row.kind == artifact and row.reason.startswith(WORDED)
    }
    old, new = items_of(artifact, before), items_of(artifact, made)
    overtaken = {name for name in worded if old.get(name) != new.get(name)}
    if keep:
        for name in overtaken:
            store.edits.withdraw(key, artifact, name)
    return [edit for edit in edits if edit.item not in overtaken]


def moved(edit: Edit, paths: Sequence[str]) -> Edit:
    """An edit of a test file of a story whose title, and with it the file's name, has changed meanwhile."""
    story = re.match(r"tests/test_us_\d+_", edit.item)
    if edit.item in paths or story is None or edit.content is None:
        return edit
    path = next((path for path in paths if path.startswith(story[0])), edit.item)
    return replace(edit, item=path, content={**edit.content, "path": path})


def _with_edits(store: ProjectStore, key: str, artifact: str, made: D, edits: list[Edit], *, keep: bool) -> D:
    """A document with edits laid over it; where an engine now says something else, that becomes a proposal.

    Raises:
        EditError: an edit does not fit the document.
    """
    items, proposals = overlay(items_of(artifact, made), edits)
    if keep:
        store.edits.propose(key, artifact, proposals)
    try:
        document = of_items(artifact, items, type(made))
    except ValidationError as error:
        first = error.errors()[0]
        raise EditError(
            f"an edit of {artifact} does not fit: {'.'.join(map(str, first['loc']))}: {first['msg']}; see "
            f"`hishamos proposals list {key}`"
        ) from error
    return cast("D", derived(store, artifact, made, document))


def derived(store: ProjectStore, artifact: str, before: Document, after: Document) -> Document:
    """``after`` with the fields that follow from the rest: which test shows which criterion, and what is retired."""
    if isinstance(after, TestSuite):
        return suite_of(after.files, store.units.blobs(file.sha256 for file in after.files))
    for field, as_type in (("requirements", Requirements), ("stories", Stories)):
        if isinstance(after, as_type) and isinstance(before, as_type):
            left = {item.id for item in getattr(after, field)}
            gone = tuple(item for item in getattr(before, field) if item.id not in left)
            known = {item.id for item in after.retired}
            retired = (*after.retired, *(item for item in gone if item.id not in known))
            return after.model_copy(update={"retired": retired})
    return after


def write_rows(store: ProjectStore, key: str, document: Document) -> None:
    """Write the rows that repeat a document for queries; again it changes nothing."""
    if isinstance(document, Stories):
        store.backlog.replace_stories(key, document)
    elif isinstance(document, SprintPlan):
        store.backlog.replace_sprints(key, document)
