"""What has to be made again, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from hishamos_pipeline.core.pipeline.graph import STEPS, topological

# The input under which the idea artifact records the submitted revision that it is.
SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an artifact's latest revision: its hash, and what it was made from.

    ``problem`` says why it cannot stand although its inputs are unchanged: its files are gone, or its
    verification failed.
    """

    content_hash: str
    inputs: Mapping[str, str]
    code_version: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step to run; ``certain`` is false where it runs only if an earlier step's result changes."""

    kind: str
    reason: str
    certain: bool


def reason_to_make(artifact: str, head: Head | None, inputs: Mapping[str, str], code_version: str) -> str:
    """Why one artifact has to be made, given its inputs' current hashes; empty if it need not be.

    What a person has edited is made again like everything else: the edits are laid over what comes out.
    """
    if head is None:
        return "first revision"
    if head.problem:
        return head.problem
    changed = [name for name in STEPS[artifact].inputs if head.inputs.get(name) != inputs.get(name)]
    if changed:
        return "changed: " + ", ".join(changed)
    if head.code_version != code_version:
        return "made with another prompt, model, setting or version of HishamOS"
    return ""


def plan(
    heads: Mapping[str, Head], code_versions: Mapping[str, str], idea_hash: str | None
) -> tuple[PlannedStep, ...]:
    """The steps that a build would run, in order.

    Args:
        heads: the latest revision of each artifact that exists.
        code_versions: the current code version of each kind.
        idea_hash: hash of the submitted brief's newest revision.
    """
    hashes = {artifact: head.content_hash for artifact, head in heads.items()}
    steps: dict[str, PlannedStep] = {}
    for artifact in topological():
        if artifact == "idea":
            current = heads.get("idea")
            if current is None or current.inputs.get(SUBMITTED) != idea_hash:
                reason = "first revision" if current is None else "a new revision was submitted"
                steps[artifact] = PlannedStep(artifact, reason, certain=True)
            continue
        reason = reason_to_make(artifact, heads.get(artifact), hashes, code_versions[artifact])
        follows = [name for name in STEPS[artifact].inputs if name in steps]
        if reason:
            steps[artifact] = PlannedStep(artifact, reason, certain=True)
        elif follows:
            steps[artifact] = PlannedStep(artifact, "if changed: " + ", ".join(follows), certain=False)
    return tuple(steps.values())
