"""Approvals that briefs ask for: what waits, and approving it."""

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import EditError
from hishamos_pipeline.generation.services import Services


class ApproveArtifact(UseCaseInput):
    """Approve the newest content of an artifact, if its hash begins as expected."""

    key: str
    artifact: str
    expected: str = ""


class Approved(View):
    """What was approved."""

    artifact: str
    content_hash: str


class WaitingArtifact(View):
    """An artifact that waits for the approval of a person, with the hash that an approval names."""

    project: str
    artifact: str
    content_hash: str


@requires("projects.read")
def list_waiting(services: Services, actor: Actor) -> list[WaitingArtifact]:
    """The artifacts that wait for an approval, of all projects that the actor sees."""
    store = services.store
    found = []
    for key in store.projects.keys_in(["blocked"], store.clock.now()):
        heads = store.artifacts.heads(key)
        found += [
            WaitingArtifact(project=key, artifact=name, content_hash=heads[name].content_hash)
            for name in store.projects.idea(key).approvals
            if name in heads and not store.artifacts.is_approved(key, name)
        ]
    return found


@requires("projects.approve", project="command.key")
def approve(services: Services, actor: Actor, command: ApproveArtifact) -> Approved:
    """Approve the newest content of an artifact; a changed artifact needs another approval.

    Raises:
        EditError: there is no artifact of that name, or its content is another one than expected.
        ArtifactMissingError: it was never made.
    """
    if command.artifact not in STEPS:
        raise EditError(f"there is no artifact {command.artifact!r}; there are {', '.join(STEPS)}")
    artifacts = services.acting_as(actor).store.artifacts
    digest = artifacts.approve(command.key, command.artifact, command.expected)
    return Approved(artifact=command.artifact, content_hash=digest)
