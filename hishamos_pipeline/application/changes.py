"""Changing what there is: edits by hand, changes in a sentence, and what engines propose against edits."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from hishamos_pipeline.application.artifacts import ItemChangeView, read_artifact
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_etag
from hishamos_pipeline.changing import editing
from hishamos_pipeline.changing.change import ChangeProposal
from hishamos_pipeline.changing.revisions import as_text, proposed
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.editing import WORDED, Edit, edits_between, item_hash
from hishamos_pipeline.core.artifacts.items import DERIVED, FILE_SETS
from hishamos_pipeline.errors import EditError
from hishamos_pipeline.generation.outdated_edits import outdated_edits
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.services import Services


class EditArtifact(UseCaseInput):
    """An edit of an artifact, or of one item of it; exactly one of the ways to say it is used.

    Args:
        key: the project.
        artifact: which one.
        item: ``REQ-001``, ``US-001``, a path, ``@title``; empty for the whole artifact.
        text: the new content: YAML or JSON for documents, the text itself for files.
        values: single fields by path, such as ``criteria.0.then``.
        remove: whether the item is to go.
        reason: why, for the history.
        seen: the revision that ``text`` was made from, so that nothing is undone that was changed meanwhile; 0 for the
            newest.
        expected: the ``etag`` of the content that was read, where the edit is to be refused if it is another one.
    """

    key: str
    artifact: str
    item: str = ""
    text: str | None = None
    values: tuple[tuple[str, Any], ...] = ()
    remove: bool = False
    reason: str = Field("edited by hand", max_length=1000)
    seen: int = 0
    expected: str = ""


class TextToEdit(View):
    """What an editor opens with: the text, the suffix of its file, and the revision of the artifact it is from."""

    text: str
    suffix: str
    revision: int


class EditedArtifact(View):
    """The revision that an edit has made; ``revision`` is 0 where nothing is different."""

    artifact: str
    revision: int


class ProposedChange(View):
    """What a sentence would change; ``accepted`` names what it was taken over as, empty as long as it was not."""

    summary: str
    items: tuple[ItemChangeView, ...]
    accepted: str


class WantedChange(UseCaseInput):
    """A change in a sentence, or in a document that is added to the brief: one of the two.

    ``name`` is the document's file, whose suffix tells its format. ``expected`` is the ``etag`` of what was seen, where
    the change is to be taken over only if it comes to that.
    """

    key: str
    sentence: str = ""
    document: bytes = Field(b"", repr=False)
    name: str = ""
    expected: str = ""


class ProposalView(View):
    """What an engine would make of an item that a person has edited; no content stands for its removal."""

    id: int
    artifact: str
    item: str
    content: str
    proposed_at: datetime


class DecideProposal(UseCaseInput):
    """Accept or reject an open proposal."""

    key: str
    proposal: int
    accept: bool


class EditView(View):
    """An edit that holds."""

    artifact: str
    item: str
    removed: bool
    author: str
    reason: str
    edited_at: datetime


class OutdatedEditView(View):
    """An edited file that is out of date: names of what has changed of that which it is written from."""

    artifact: str
    path: str
    changed: tuple[str, ...]


class RevertEdits(UseCaseInput):
    """Take back the edits of an artifact, or the one of an item."""

    key: str
    artifact: str
    item: str = ""


@requires("projects.read", project="key")
def text_to_edit(services: Services, actor: Actor, key: str, artifact: str, item: str) -> TextToEdit:
    """What an editor opens with.

    Raises:
        EditError: artifacts of this kind are not edited.
        ArtifactMissingError: there is no such item.
    """
    project = services.acting_as(actor).project_data(key)
    revision = project.store.artifacts.require(key, artifact).revision
    if artifact in FILE_SETS:
        digest = editing.current_item(project, artifact, item, revision)["sha256"]
        name = item.rpartition("/")[2]
        suffix = f".{name.rpartition('.')[2]}" if "." in name else ".txt"
        return TextToEdit(text=project.blobs([digest])[digest], suffix=suffix, revision=revision)
    items = editing.current_items(project, artifact, revision)
    if item:
        if _is_new_file(artifact, items, item):
            items = {item: editing.new_planned_file(item)}
        text = as_text(items[item]) if item in items else ""
    else:
        text = as_text({name: value for name, value in items.items() if name not in DERIVED})
    return TextToEdit(text=text, suffix=".yaml", revision=revision)


@requires("projects.edit", project="command.key")
def edit(services: Services, actor: Actor, command: EditArtifact) -> EditedArtifact:
    """Edit an artifact; the change stands when the artifact is made again.

    Raises:
        EditError: it cannot be what the artifact says; names the field. Nothing is written then.
        ArtifactMissingError: there is no such project, artifact or item.
        ProjectBusyError: a build is making this artifact.
        ChangedMeanwhileError: the content is not what it was expected to be.
    """
    _require_one_way(command)
    project = services.acting_as(actor).project_data(command.key)
    if command.expected:
        now = read_artifact(services, actor, command.key, command.artifact)
        require_etag(now, command.expected)
    edits = _edits(project, command)
    if not edits:
        return EditedArtifact(artifact=command.artifact, revision=0)
    row = editing.apply_edits(
        project,
        command.artifact,
        edits,
        author=actor.name or actor.label,
        reason=command.reason.removeprefix(WORDED),
    )
    return EditedArtifact(artifact=command.artifact, revision=row.revision)


@requires("projects.read", project="key")
def list_edits(services: Services, actor: Actor, key: str) -> list[EditView]:
    """People's edits of a project that hold, the oldest first.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    rows = services.acting_as(actor).store.edits.all_active(key)
    return [EditView.of(row, artifact=row.kind, removed=not row.content) for row in rows]


@requires("projects.read", project="key")
def list_outdated_edits(services: Services, actor: Actor, key: str) -> list[OutdatedEditView]:
    """Files that people have edited, and of which something that they are written from has changed since.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    acting = services.acting_as(actor)
    acting.store.projects.get(key)
    return [OutdatedEditView.of(item) for item in outdated_edits(acting.project_data(key))]


@requires("projects.edit", project="command.key")
def revert(services: Services, actor: Actor, command: RevertEdits) -> EditedArtifact:
    """Take edits back: what they were made of stands again, and what follows from it is made by the next build.

    Raises:
        EditError: nobody has edited that, or what it was is not known any more; nothing is changed then.
        ProjectBusyError: a build is making this artifact.
    """
    project = services.acting_as(actor).project_data(command.key)
    held = project.store.edits.active(command.key, command.artifact)
    edits = [edit for edit in held if command.item in ("", edit.item)]
    if not edits:
        what = f"{command.artifact} {command.item}".strip()
        edited = ", ".join(edit.item for edit in held) or "nothing"
        raise EditError(f"{what}: it was not edited; edited is {edited}")
    for edit in edits:
        if item_hash(edit.seen) != edit.base:
            raise EditError(f"{command.artifact} {edit.item}: what it was before is not known any more")
    now = editing.current_items(project, command.artifact)
    back = [Edit(edit.kind, edit.item, edit.seen, item_hash(now.get(edit.item))) for edit in edits]
    author = actor.name or actor.label
    row = editing.apply_edits(project, command.artifact, back, author=author, reason="edits taken back")
    return EditedArtifact(artifact=command.artifact, revision=row.revision)


def _require_one_way(command: EditArtifact) -> None:
    if sum((command.text is not None, bool(command.values), command.remove)) != 1:
        raise EditError("give the new content, or single fields, or remove the item: one of them")
    if not command.item and (command.values or command.remove or command.artifact in FILE_SETS):
        raise EditError("name the item to edit, such as REQ-001, US-001, a path, or @title")
    if command.artifact in FILE_SETS and (command.values or command.remove):
        raise EditError("a file is edited as text; which files there are follows from the architecture")


def _edits(project: Project, command: EditArtifact) -> list[Edit]:
    artifact, item = command.artifact, command.item
    items = editing.current_items(project, artifact, command.seen)
    if artifact in FILE_SETS:
        changed = editing.file_item(project, artifact, item, command.text or "")
        return edits_between(artifact, items, {**items, item: changed})
    if command.remove:
        editing.current_item(project, artifact, item)
        return edits_between(artifact, items, {name: value for name, value in items.items() if name != item})
    if command.values:
        is_new = _is_new_file(artifact, items, item)
        content = editing.new_planned_file(item) if is_new else editing.current_item(project, artifact, item)
        for path, value in command.values:
            content = value if item.startswith("@") else editing.with_value(content, path, value)
        return edits_between(artifact, items, {**items, item: _as_planned(artifact, item, content)})
    content = _parsed(command.text or "")
    if item:
        if content is None:
            raise EditError("the new content is empty; to remove an item, say so")
        return edits_between(artifact, items, {**items, item: _as_planned(artifact, item, content)})
    if not isinstance(content, dict):
        raise EditError("the content is no object of items by name")
    whole = {name: value for name, value in items.items() if name not in DERIVED}
    written = {
        name: value if value == whole.get(name) else _as_planned(artifact, name, value)
        for name, value in content.items()
    }
    return edits_between(artifact, whole, written)


def _is_new_file(artifact: str, items: Mapping[str, object], item: str) -> bool:
    return artifact == "architecture" and item not in items and not item.startswith("@")


def _as_planned(artifact: str, item: str, content: Any) -> Any:
    is_file = artifact == "architecture" and not item.startswith("@")
    return editing.planned_item(item, content) if is_file else content


def _parsed(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise EditError(f"the content is not valid YAML or JSON: {error}") from None


def field_value(text: str) -> Any:
    """A value as people write it: JSON, a list or an object as YAML too; anything else is text."""
    import yaml

    try:
        return yaml.safe_load(text) if text[:1] in ("[", "{") else json.loads(text)
    except (ValueError, yaml.YAMLError):
        return text


@requires("projects.edit", project="command.key")
async def propose_change(services: Services, actor: Actor, command: WantedChange) -> ChangeProposal:
    """Find out what a wish changes; nothing is changed yet. ``accept_change`` takes it over.

    Raises:
        EditError: it is empty or too long, or given twice.
        IdeaError: the document cannot be read, or the brief would hold too much.
        ArtifactMissingError: the project has not been planned yet.
        UnbuildableError: the blueprint engine does not understand it.
        ModelError: a model was asked in vain, or may not be asked.
    """
    from hishamos_pipeline.changing.proposing import propose, propose_document
    from hishamos_pipeline.intake.guarded import read_guarded

    if bool(command.sentence.strip()) == bool(command.document):
        raise EditError("say what to change in a sentence, or give a document: one of the two")
    acting = services.acting_as(actor)
    acting.store.projects.get(command.key)
    services.check_models()
    run = acting.project(command.key)
    if not command.document:
        return await propose(run, command.sentence)
    document = read_guarded(command.document, command.name, services.settings).idea
    return await propose_document(run, command.name or "a document", document)


@requires("projects.decide", project="key")
def accept_change(services: Services, actor: Actor, key: str, change: ChangeProposal) -> str:
    """Take a proposed change over, and say as what.

    Raises:
        EditError: it does not fit what there is by now; nothing is changed then.
    """
    from hishamos_pipeline.changing.proposing import take_over

    project = services.acting_as(actor).project_data(key)
    is_building = project.store.projects.get(project.key).state == "building"
    taken = take_over(project, change, author=actor.name or actor.label)
    later = " (a build is under way: what it has passed already is for the next one)"
    return f"{taken}{later}" if is_building else taken


@requires("projects.decide", project="command.key")
async def accept_wanted(services: Services, actor: Actor, command: WantedChange) -> ProposedChange:
    """Take over what a wish changes, for whoever has seen that and brings back no more than the wish.

    It is found out again: the blueprint engine says the same, and a model's answer is kept and not paid twice.

    Raises:
        ChangedMeanwhileError: it would change something else than what was seen.
        EditError, IdeaError, ArtifactMissingError, UnbuildableError, ModelError: as for ``propose_change``.
    """
    change = await propose_change(services, actor, command)
    require_etag(change_view(change), command.expected)
    return change_view(change, accept_change(services, actor, command.key, change))


def change_view(change: ChangeProposal, accepted: str = "") -> ProposedChange:
    """What a change comes to."""
    items = tuple(ItemChangeView.of(item) for item in change.items)
    return ProposedChange(summary=change.answer.summary, items=items, accepted=accepted)


@requires("projects.read", project="key")
def list_proposals(services: Services, actor: Actor, key: str) -> list[ProposalView]:
    """The open proposals of a project.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    rows = services.acting_as(actor).store.edits.proposals(key)
    return [ProposalView.of(row, artifact=row.kind) for row in rows]


@requires("projects.read", project="key")
def show_proposal(services: Services, actor: Actor, key: str, proposal: int) -> ItemChangeView:
    """What accepting a proposal would change.

    Raises:
        ArtifactMissingError: there is no such open proposal.
    """
    return ItemChangeView.of(proposed(services.acting_as(actor).store, key, proposal))


@requires("projects.decide", project="command.key")
def decide_proposal(services: Services, actor: Actor, command: DecideProposal) -> EditedArtifact | None:
    """Accept or reject a proposal; the revision that an acceptance has made.

    Raises:
        ArtifactMissingError: there is no such open proposal.
        EditError: what it says does not fit any more.
    """
    project = services.acting_as(actor).project_data(command.key)
    author = actor.name or actor.label
    row = editing.decided(project, command.proposal, accept=command.accept, author=author)
    return EditedArtifact(artifact=row.kind, revision=row.revision) if row else None
