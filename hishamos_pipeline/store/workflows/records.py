"""What the repositories of workflows hand out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hishamos_pipeline.core.workflows.approvals import Asked
from hishamos_pipeline.core.workflows.states import RunState, StepState


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """A numbered version of a workflow."""

    name: str
    number: int
    sha256: str
    title: str
    type: str
    source: str
    status: str
    created_by: str
    created_at: datetime
    published_by: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run with all that is known of it."""

    id: int
    workflow: str
    version: int
    sha256: str
    type: str
    project: str
    priority: int
    owner: str
    concurrency_key: str
    parent_run_id: int | None
    created_at: datetime
    state: str
    run: RunState


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list."""

    id: int
    workflow: str
    version: int
    type: str
    project: str
    priority: int
    state: str
    owner: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to begin.

    Args:
        workflow, version, sha256, type: what it is a run of.
        inputs: what it is started with, defaults among them.
        project: the project that it is about; empty for none.
        priority: steps of runs with a higher one are done first.
        scopes, known_by, only_project: those of whoever starts it.
        concurrency_key: runs with the same one wait for one another.
        parent: the run, the step and the attempt that wait for it.
    """

    workflow: str
    version: int
    sha256: str
    type: str
    inputs: Mapping[str, Any]
    project: str = ""
    priority: int = 0
    scopes: str = ""
    known_by: str = ""
    only_project: str = ""
    concurrency_key: str = ""
    parent: tuple[int, str, int] | None = None


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step that is to be done now: for whom, in whose organization, and what it takes.

    ``effect`` names what it does outside: it is the same in all tries of a round.
    """

    run_id: int
    workflow: str
    project: str
    organization: str
    owner: str
    user_id: int
    scopes: str
    known_by: str
    only_project: str
    type: str
    step: StepState

    @property
    def effect(self) -> str:
        """The name of what it does outside."""
        return f"workflow-{self.run_id}-{self.step.key}-{self.step.round}"


@dataclass(frozen=True, slots=True)
class WaitingStep:
    """A step that waits for something outside; ``since_event`` is the last event before it began to."""

    run_id: int
    organization_id: int
    only_project: str
    type: str
    since_event: int
    step: StepState


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step."""

    number: int
    key: str
    state: str
    cause: str
    message: str
    worker: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Happening:
    """What has happened to a run."""

    at: datetime
    kind: str
    content: str
    actor: str


@dataclass(frozen=True, slots=True)
class HumanTask:
    """Something that people are to decide."""

    id: int
    run_id: int
    workflow: str
    project: str
    key: str
    attempt: int
    title: str
    question: str
    asked: Asked
    state: str
    is_escalated: bool
    calls: int
    decision: str
    opened_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class HumanDecision:
    """What somebody has decided."""

    person: str
    decision: str
    comment: str
    form: str
    via: str
    at: datetime
