"""People's edits: checked, laid over the newest revision, and written as one of their own."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from pydantic import ValidationError

from hishamos_pipeline.authoring.plan_faults import faults_of_edit
from hishamos_pipeline.authoring.planning import planned_interface
from hishamos_pipeline.core.artifacts import traceability
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    PlannedFile,
    Requirements,
    Stories,
    TreeFile,
)
from hishamos_pipeline.core.artifacts.editing import Edit, item_hash, overlay
from hishamos_pipeline.core.artifacts.items import (
    DERIVED,
    EDITABLE,
    FILE_SETS,
    Item,
    items_of,
    name_of,
    of_items,
)
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.core.text.signatures import public_signatures
from hishamos_pipeline.errors import ArtifactMissingError, EditError
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.revisioning import derived, write_rows
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import Provenance, decoded
from hishamos_pipeline.workspace.tree import limits_of

_LONGEST_TITLE = 200


def current_items(project: Project, artifact: str, revision: int = 0) -> dict[str, Item]:
    """The items of an artifact.

    Args:
        project: the project.
        artifact: its name in the graph, such as ``stories``.
        revision: which one, 0 for the newest.

    Raises:
        EditError: artifacts of this kind are not edited.
        ArtifactMissingError: it was never made.
    """
    if artifact not in EDITABLE:
        raise EditError(
            f"{artifact} follows from the rest and is not edited; edit one of {', '.join(EDITABLE)}"
        )
    artifacts, key = project.store.artifacts, project.key
    row = artifacts.revision(key, artifact, revision) if revision else artifacts.require(key, artifact)
    return items_of(artifact, decoded(row, STEPS[artifact].document))


def current_item(project: Project, artifact: str, item: str, revision: int = 0) -> Item:
    """One item of an artifact; see ``current_items``.

    Raises:
        ArtifactMissingError: there is no such item; names some that there are.
    """
    items = current_items(project, artifact, revision)
    if item not in items or item in DERIVED:
        known = ", ".join([name for name in items if name not in DERIVED][:12])
        planned = (
            "; a file is added by `hishamos edit KEY architecture PATH`" if artifact in FILE_SETS else ""
        )
        raise ArtifactMissingError(
            f"{artifact} of {project.key!r} has no item {item!r}; there are {known} …{planned}"
        )
    return items[item]


def file_item(project: Project, artifact: str, path: str, text: str) -> Item:
    """The item of a file with another text; the text is kept in the store.

    Raises:
        EditError: the text cannot be that file.
        ArtifactMissingError: there is no such file.
    """
    limit = limits_of(project.settings).file_bytes
    if len(text.encode()) > limit:
        raise EditError(f"{path}: larger than {limit} bytes (HISHAMOS_MAX_FILE_BYTES)")
    if path.endswith(".py"):
        try:
            parse_python(text)
        except SyntaxError as error:
            raise EditError(f"{path}: is not valid Python: {error}") from None
    file = TreeFile.model_validate(current_item(project, artifact, path))
    project.store.units.add_blobs([text])
    changed = file.model_copy(update={"sha256": sha256_text(text), "size": len(text.encode())})
    return changed.model_dump(mode="json")


def planned_item(path: str, content: Item) -> Item:
    """The item of a planned file as a person has written it, its interface in the usual form.

    Its signatures are read off the interface.

    Raises:
        EditError: the interface is no stub text.
    """
    if not isinstance(content, dict):
        return content
    item = {"path": path, "kind": "source", **content}
    if isinstance(item.get("interface"), str) and item["interface"] and path.endswith(".py"):
        try:
            interface = planned_interface(path, item["interface"])
        except ValueError as error:
            raise EditError(f"architecture {path}.interface: {error}") from None
        item |= {"interface": interface, "signatures": list(public_signatures(interface))}
    return item


def new_planned_file(path: str) -> Item:
    """The item of a file that is not planned yet, to be filled in."""
    return PlannedFile(path=path, kind="source", purpose="").model_dump(mode="json")


def with_value(item: Item, path: str, value: Any) -> Item:
    """An item with another value at a path such as ``criteria.0.then``.

    Raises:
        EditError: there is no such place; names what there is.
    """
    head, _, rest = path.partition(".")
    if isinstance(item, list):
        if not head.isdigit() or int(head) >= len(item):
            raise EditError(f"{head!r} is not an index in a list of {len(item)}; indexes start at 0")
        changed: Any = list(item)
        changed[int(head)] = with_value(item[int(head)], rest, value) if rest else value
        return changed
    if not isinstance(item, dict) or (head not in item):
        known = f"there are {', '.join(item)}" if isinstance(item, dict) else "it has no parts"
        raise EditError(f"there is no field {head!r}; {known}")
    return {**item, head: with_value(item[head], rest, value) if rest else value}


def apply_edits(
    project: Project, artifact: str, edits: Sequence[Edit], *, author: str, reason: str
) -> ArtifactRevision:
    """Write edits of an artifact as its next revision, of origin ``human``.

    Args:
        project: the project.
        artifact: its name in the graph, such as ``stories``.
        edits: what to change, each based on the item as it was when it was looked at.
        author: who wants it.
        reason: why, in a sentence.

    Raises:
        EditError: the result would not be a valid document, would contradict others, or an item has been changed since
            it was looked at; nothing is written then.
        ProjectBusyError: a build is making this artifact.
    """
    return apply_together(project, {artifact: edits}, author=author, reason=reason)[artifact]


def apply_together(
    project: Project, changes: Mapping[str, Sequence[Edit]], *, author: str, reason: str
) -> dict[str, ArtifactRevision]:
    """Write edits of several artifacts, all or none; the later ones are in keeping with the earlier.

    Args:
        project: the project.
        changes: edits by artifact, in the order of the graph.
        author: who wants it.
        reason: why, in a sentence.

    Raises:
        EditError, ProjectBusyError: see ``apply_edits``.
    """
    with ExitStack() as locks:
        for artifact in changes:
            locks.enter_context(project.folder.lock(artifact, wait_seconds=project.settings.lock_seconds))
        after = {artifact: _edited(project, artifact, edits) for artifact, edits in changes.items()}
        wanted = after.get("requirements")
        for artifact, document in after.items():
            check(project, artifact, document, wanted if isinstance(wanted, Requirements) else None)
        rows: dict[str, ArtifactRevision] = {}
        for artifact, document in after.items():
            head = project.store.artifacts.require(project.key, artifact)
            now = {name: row.content_hash for name, row in rows.items() if name in STEPS[artifact].inputs}
            producer = Provenance(
                inputs={**head.inputs, **now}, code_version=head.code_version, role=head.role, engine=head.engine,
                origin="human", author=author, reason=reason,
            )  # fmt: skip
            project.store.edits.add(project.key, changes[artifact], author=author, reason=reason)
            rows[artifact] = project.store.artifacts.write(project.key, artifact, document, producer)
            write_rows(project.store, project.key, document)
        return rows


def _edited(project: Project, artifact: str, edits: Sequence[Edit]) -> Document:
    """The newest document with the edits, checked on its own."""
    document = project.read(artifact, STEPS[artifact].document)
    now = items_of(artifact, document)
    stale = [edit.item for edit in edits if item_hash(now.get(edit.item)) != edit.base]
    if stale:
        raise EditError(
            f"{artifact} {stale[0]} has been changed meanwhile: look at it again, and repeat the edit"
        )
    _require_names(artifact, edits)
    items, _ = overlay(now, edits)
    return derived(project.store, artifact, document, _valid(artifact, items))


def _require_names(artifact: str, edits: Sequence[Edit]) -> None:
    """Items keep their names, and have a title that can be one."""
    for edit in edits:
        titled = isinstance(edit.content, dict) and "title" in edit.content
        if (titled or edit.item == "@title") and not _is_title(
            edit.content["title"] if titled else edit.content
        ):
            raise EditError(
                f"{artifact} {edit.item}: a title is one line of 1 to {_LONGEST_TITLE} characters"
            )
        if edit.content is None or edit.item.startswith("@"):
            continue
        named = name_of(artifact, edit.content) if isinstance(edit.content, dict) else ""
        if named != edit.item:
            raise EditError(
                f"{artifact} {edit.item}: names itself {named!r}; what an item is called is never changed"
            )


def _is_title(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_TITLE and value.isprintable()


def _valid(artifact: str, items: Mapping[str, Item]) -> Document:
    try:
        return of_items(artifact, items, STEPS[artifact].document)
    except ValidationError as error:
        first = error.errors()[0]
        place = list(first["loc"])
        listed = [name for name in items if not name.startswith("@")]
        if len(place) > 1 and isinstance(place[1], int) and place[1] < len(listed):
            place[:2] = [listed[place[1]]]
        raise EditError(f"{artifact} {'.'.join(map(str, place))}: {first['msg']}") from None


def check(project: Project, artifact: str, document: Document, wanted: Requirements | None = None) -> None:
    """What an edited document must not contradict.

    Args:
        project: the project.
        artifact: its name in the graph, such as ``stories``.
        document: what would be its next revision.
        wanted: the requirements that stories have to keep to, where those in the store will be others.

    Raises:
        EditError: names the item at fault.
    """
    if isinstance(document, Requirements):
        _unique(
            "requirement", [item.id for item in document.requirements], [item.id for item in document.retired]
        )
        bare = traceability.requirements_without_acceptance(document)
        if bare:
            raise EditError(f"requirements {bare[0]}: has no acceptance statement")
    elif isinstance(document, Stories):
        _check_stories(document, wanted or project.read("requirements", Requirements))
    elif isinstance(document, Architecture):
        _check_plan(project, document)
    elif artifact in FILE_SETS:
        known = set(current_items(project, artifact))
        extra = [name for name in items_of(artifact, document) if name not in known]
        if extra:
            raise EditError(f"{artifact} {extra[0]}: is not planned; edit the architecture first")


def _check_plan(project: Project, document: Architecture) -> None:
    before, wanted = project.read("architecture", Architecture), project.read("requirements", Requirements)
    faults = list(dict.fromkeys(faults_of_edit(before, document, wanted, project.settings.max_planned_files)))
    if faults:
        raise EditError(f"architecture: {'; '.join(faults)}")


def _check_stories(document: Stories, wanted: Requirements) -> None:
    ids = [story.id for story in document.stories]
    _unique("story", ids, [story.id for story in document.retired])
    epics = {epic.id for epic in document.epics}
    for story in document.stories:
        if story.epic not in epics:
            raise EditError(f"stories {story.id}.epic: there is no epic {story.epic!r}")
        for name in story.depends_on:
            if name not in ids:
                raise EditError(f"stories {story.id}.depends_on: there is no story {name!r}")
        for criterion in story.criteria:
            if not criterion.id.startswith(f"{story.id}-AC"):
                raise EditError(
                    f"stories {story.id}.criteria: {criterion.id!r} should be {story.id}-AC and a number"
                )
        _unique("criterion", [item.id for item in story.criteria], [])
        if story.status == "planned" and not story.criteria:
            raise EditError(f"stories {story.id}.criteria: a planned story needs one")
        if story.points > document.sprint.capacity:
            raise EditError(
                f"stories {story.id}.points: more than a sprint's capacity {document.sprint.capacity}"
            )
    unknown = traceability.unknown_requirements(wanted, document)
    if unknown:
        raise EditError(f"stories {unknown[0]}.requirements: names a requirement that does not exist")
    found = traceability.circle({story.id: story.depends_on for story in document.stories})
    if found:
        raise EditError(f"stories depend on one another in a circle: {found}")


def _unique(what: str, ids: Sequence[str], retired: Sequence[str]) -> None:
    twice = traceability.duplicates(ids)
    if twice:
        raise EditError(f"two {what} items have the id {twice[0]!r}")
    again = sorted(set(ids) & set(retired))
    if again:
        raise EditError(f"{what} {again[0]} was retired; give the new one another id")


def decided(project: Project, proposal: int, *, accept: bool, author: str) -> ArtifactRevision | None:
    """Accept or reject a proposal; the revision that an acceptance has made.

    Raises:
        ArtifactMissingError: there is no such open proposal.
        EditError: what it says does not fit any more.
    """
    row = project.store.edits.proposal(project.key, proposal)
    made = None
    if accept:
        content = json.loads(row.content) if row.content else None
        now = current_items(project, row.kind).get(row.item)
        edit = Edit(row.kind, row.item, content, item_hash(now))
        made = apply_edits(project, row.kind, [edit], author=author, reason=f"proposal {proposal} accepted")
        # It is the engine's text again: nothing of a person's stands over it.
        project.store.edits.withdraw(project.key, row.kind, row.item)
    project.store.edits.decide(proposal, accept=accept)
    return made
