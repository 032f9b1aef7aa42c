"""Artifacts and what people do with them: revisions, differences, edits, proposals, approvals, and the trace."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import IfMatch, Key, Number, PageParameters, RequestBody, tagged
from hishamos_pipeline.api.route import ResourceRoute, Tags
from hishamos_pipeline.application import approvals, artifacts, changes
from hishamos_pipeline.application.approvals import Approved
from hishamos_pipeline.application.artifacts import (
    ArtifactContent,
    ArtifactView,
    ItemChangeView,
    RevisionView,
    TraceView,
)
from hishamos_pipeline.application.changes import (
    EditedArtifact,
    EditView,
    ProposalView,
    TextToEdit,
)
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.core.pipeline.graph import STEPS

router = APIRouter(prefix="/projects/{key}", route_class=ResourceRoute, dependencies=KNOWN)
_ORDER = list(STEPS)
_ARTIFACTS: Tags = ["artifacts"]
_CHANGES: Tags = ["changes"]
ArtifactName = Annotated[str, Path(max_length=40, description="The artifact's name, such as `requirements`.")]
Item = Annotated[str, Query(max_length=300, description="`REQ-001`, `US-001`, a path, or `@title`.")]


class NewEdit(RequestBody):
    """An edit of an artifact, or of one item of it: its new text, single fields by path, or its removal."""

    item: Annotated[str, Field(max_length=300)] = ""
    text: Annotated[str, Field(max_length=5_000_000)] | None = None
    values: dict[Annotated[str, Field(max_length=300)], Any] = Field(default_factory=dict)
    remove: bool = False
    reason: Annotated[str, Field(max_length=1000)] = "edited by hand"


class ProposalDecision(RequestBody):
    """Whether what an engine proposes is taken in place of the edit."""

    accept: bool


class ExpectedContent(RequestBody):
    """The hash of the content that is approved, or its first eight characters at least."""

    expected: Annotated[str, Field(min_length=8, max_length=64)]


@router.get("/artifacts", tags=_ARTIFACTS)
def list_artifacts(caller: Caller, key: Key, page: PageParameters) -> Page[ArtifactView]:
    """List the newest revision of every artifact of a project, in the order of the graph."""
    found = artifacts.list_artifacts(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: _ORDER.index(item.artifact))


@router.get("/artifacts/{artifact}", tags=_ARTIFACTS)
def read_artifact(caller: Caller, response: Response, key: Key, artifact: ArtifactName) -> ArtifactContent:
    """Read the newest content of an artifact."""
    found = artifacts.read_artifact(caller.services, caller.actor, key, artifact)
    tagged(response, found)
    return found


@router.get("/artifacts/{artifact}/text", tags=_CHANGES)
def read_text_to_edit(
    caller: Caller, response: Response, key: Key, artifact: ArtifactName, item: Item = ""
) -> TextToEdit:
    """Read an artifact, or an item of it, as the text that an editor opens with."""
    # The tag first: what is changed in between is refused, and not undone.
    tagged(response, artifacts.read_artifact(caller.services, caller.actor, key, artifact))
    return changes.text_to_edit(caller.services, caller.actor, key, artifact, item)


@router.post("/artifacts/{artifact}/edits", status_code=201, tags=_CHANGES, max_body_size=6_000_000)
def edit_artifact(
    caller: Caller, key: Key, artifact: ArtifactName, seen: IfMatch, body: NewEdit
) -> EditedArtifact:
    """Edit an artifact; the change stands when the artifact is made again."""
    command = changes.EditArtifact(
        key=key, artifact=artifact, expected=seen, values=tuple(body.values.items()),
        **body.model_dump(exclude={"values"}),
    )  # fmt: skip
    return changes.edit(caller.services, caller.actor, command)


@router.delete("/artifacts/{artifact}/edits", tags=_CHANGES)
def revert_edits(caller: Caller, key: Key, artifact: ArtifactName, item: Item = "") -> EditedArtifact:
    """Take the edits of an artifact back, or the one of an item."""
    command = changes.RevertEdits(key=key, artifact=artifact, item=item)
    return changes.revert(caller.services, caller.actor, command)


@router.post("/artifacts/{artifact}/approval", tags=["approvals"])
def approve_artifact(caller: Caller, key: Key, artifact: ArtifactName, body: ExpectedContent) -> Approved:
    """Approve the newest content of an artifact, if it is the one that was read."""
    command = approvals.ApproveArtifact(key=key, artifact=artifact, expected=body.expected)
    return approvals.approve(caller.services, caller.actor, command)


@router.get("/edits", tags=_CHANGES)
def list_edits(caller: Caller, key: Key, page: PageParameters) -> Page[EditView]:
    """List the edits of a project that hold, the oldest first."""
    found = changes.list_edits(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: (item.artifact, item.item))


@router.get("/proposals", tags=_CHANGES)
def list_proposals(caller: Caller, key: Key, page: PageParameters) -> Page[ProposalView]:
    """List what engines propose against edits, and nobody has decided."""
    found = changes.list_proposals(caller.services, caller.actor, key)
    return Page.listed(found, page, lambda item: item.id)


@router.get("/proposals/{proposal}", tags=_CHANGES)
def read_proposal(caller: Caller, key: Key, proposal: Number) -> ItemChangeView:
    """Read what accepting a proposal would change."""
    return changes.show_proposal(caller.services, caller.actor, key, proposal)


@router.post("/proposals/{proposal}/decision", tags=_CHANGES)
def decide_proposal(
    caller: Caller, key: Key, proposal: Number, body: ProposalDecision
) -> EditedArtifact | None:
    """Accept or reject a proposal."""
    command = changes.DecideProposal(key=key, proposal=proposal, accept=body.accept)
    return changes.decide_proposal(caller.services, caller.actor, command)


@router.get("/revisions", tags=_ARTIFACTS)
def list_revisions(
    caller: Caller,
    key: Key,
    page: PageParameters,
    artifact: Annotated[str, Query(max_length=40, description="Only those of this artifact.")] = "",
) -> Page[RevisionView]:
    """List the revisions of a project, the oldest first."""
    found = artifacts.history(caller.services, caller.actor, key, artifact)
    return Page.listed(found, page, lambda item: item.state)


@router.get("/diff", tags=_ARTIFACTS)
def diff_revisions(
    caller: Caller,
    key: Key,
    before: Annotated[
        str, Query(max_length=100, description="A revision: a number of the list, or `ARTIFACT@N`.")
    ],
    after: Annotated[str, Query(max_length=100, description="A later one.")],
) -> list[ItemChangeView]:
    """Say what has changed from one revision to another, item by item."""
    return artifacts.diff(caller.services, caller.actor, key, before, after)


@router.get("/trace", tags=_ARTIFACTS)
def trace_project(
    caller: Caller,
    key: Key,
    item: Annotated[
        str, Query(max_length=300, description="A requirement, story, path, test or commit.")
    ] = "",
) -> TraceView:
    """Follow requirements to stories, files, tests, results and commits, and back."""
    return artifacts.trace(caller.services, caller.actor, key, item)
