"""What is known of a run of a workflow: its steps with their states, what happens to it, and what follows from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

RunStatus = Literal["pending", "running", "waiting", "paused", "succeeded", "failed", "cancelled"]
StepStatus = Literal["pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"]
Phase = Literal["steps", "on_failure", "finally"]
Outcome = Literal["", "succeeded", "failed", "cancelled"]
Decision = Literal["approve", "reject", "changes"]

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "skipped", "cancelled"})
ACTIVE: frozenset[str] = frozenset({"ready", "running", "waiting"})
# Of what has failed for one of these causes, trying again may help.
TRANSIENT: frozenset[str] = frozenset({"error", "timeout", "lost", "unavailable"})


@dataclass(frozen=True, slots=True)
class StepState:
    """A step of a run.

    Args:
        key: its id, with its place in the lists of the steps around it that run for each element: ``note[3]``.
        state: what it is doing. One that is ``ready`` waits for a worker, one that ``waiting`` for something outside.
        attempt: which of the run's attempts is its newest; each has a number of its own in the run.
        tries: how often it has begun since it was last sent back, or run again by hand.
        round: how often that was; what it does outside has the same key in all tries of a round.
        reworks: how often its approval was answered by "changes".
        given: what it takes, worked out.
        outputs: what it has given.
        cause, message: why it failed, was skipped or cancelled.
        not_before: a retry does not begin earlier.
        started_at, ended_at: of the newest attempt.
        deadline: when that times out.
        expires_at: when what it waits for is over, or has not come.
        remind_at: when those who have to decide are told again.
        is_escalated: whether those of ``escalate`` may decide, too.
        is_container: whether all that it does is to hold others.
        waits_for: what it has asked for and waits for the end of, such as the number of a request.
    """

    key: str
    state: StepStatus = "pending"
    attempt: int = 0
    tries: int = 0
    round: int = 0
    reworks: int = 0
    given: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    message: str = ""
    not_before: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: datetime | None = None
    expires_at: datetime | None = None
    remind_at: datetime | None = None
    is_escalated: bool = False
    is_container: bool = False
    waits_for: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The step of the definition."""
        return self.key.partition("[")[0]

    @property
    def indices(self) -> tuple[int, ...]:
        """Its places in the lists of the steps around it."""
        inner = self.key.partition("[")[2].removesuffix("]")
        return tuple(map(int, inner.split("]["))) if inner else ()

    @property
    def wake_at(self) -> datetime | None:
        """When time alone changes something about it."""
        if self.state in ENDED:
            return None
        times = (
            (self.not_before,)
            if self.state == "pending"
            else (self.deadline, self.expires_at, self.remind_at)
        )
        return min((time for time in times if time), default=None)


def key_of(step: str, indices: tuple[int, ...]) -> str:
    """The key of a step's state."""
    return step + "".join(f"[{index}]" for index in indices)


@dataclass(frozen=True, slots=True)
class WorkflowFailure:
    """Why a run has failed: the step, the cause, and what it says."""

    step: str
    cause: str
    message: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What whoever sent a run back has said."""

    round: int = 0
    by: str = ""
    comment: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunState:
    """A run of a workflow.

    Args:
        id: of the run.
        workflow, owner: what it is a run of, and whose.
        inputs: what it was started with, defaults among them.
        steps: the states of its steps by key.
        phase: which list of steps it is in.
        outcome: how it will end, or has; empty while nothing is decided.
        failure: why it failed.
        feedback: what was said when it was last sent back.
        outputs: what it gives, once it has ended well.
        usd, tokens: what its steps have taken.
        unpriced: the steps whose cost nobody knows.
        begun: how many attempts have begun.
        is_paused: whether steps may begin.
        started_at, ended_at: when.
    """

    id: str
    workflow: str
    owner: str
    inputs: Mapping[str, Any]
    steps: Mapping[str, StepState] = field(default_factory=dict)
    phase: Phase = "steps"
    outcome: Outcome = ""
    failure: WorkflowFailure | None = None
    feedback: Feedback = Feedback()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    usd: float = 0.0
    tokens: int = 0
    unpriced: tuple[str, ...] = ()
    begun: int = 0
    is_paused: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> RunStatus:
        """What it is doing."""
        if self.ended_at is not None:
            return self.outcome or "failed"
        if self.started_at is None:
            return "pending"
        if self.is_paused:
            return "paused"
        working = any(s.state in ("ready", "running") and not s.is_container for s in self.steps.values())
        return "running" if working else "waiting"

    def with_step(self, key: str, **changes: Any) -> "RunState":
        """The run with a step changed."""
        return replace(self, steps={**self.steps, key: replace(self.steps[key], **changes)})


@dataclass(frozen=True, slots=True)
class Started:
    """The run begins."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A worker has begun a step that was ready."""

    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Parked:
    """A worker has asked for what a step waits for from now on."""

    key: str
    attempt: int
    waits_for: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A step has done what it was to do; ``usd`` is ``None`` where nobody knows what it has cost."""

    key: str
    attempt: int
    outputs: Mapping[str, Any] = field(default_factory=dict)
    usd: float | None = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """A step has failed."""

    key: str
    attempt: int
    cause: str
    message: str
    usd: float | None = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """Whoever was asked has decided."""

    key: str
    attempt: int
    decision: Decision
    by: str
    comment: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Paused:
    """No step begins any more; what runs ends."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Steps begin again."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run ends: what runs is stopped, the steps of ``finally`` run; those too are stopped by a second one."""

    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Retried:
    """A run that has not ended well goes on from the steps that have failed or were not begun."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """A run that has ended is run again from a step: that, and what depends on it."""

    step: str


Event = (
    Started
    | Begun
    | Parked
    | Succeeded
    | Failed
    | Decided
    | Ticked
    | Paused
    | Resumed
    | Cancelled
    | Retried
    | Rerun
)

RunCommandKind = Literal["open", "stop", "remind", "escalate", "end"]


@dataclass(frozen=True, slots=True)
class RunCommand:
    """What is to be done outside.

    ``open``: a step waits; what it waits for begins. ``stop``: what a step has begun ends, with what it has asked for
    (``waits_for``). ``remind`` and ``escalate``: those who have to decide are told. ``end``: the run has ended.
    """

    kind: RunCommandKind
    key: str = ""
    attempt: int = 0
    waits_for: Mapping[str, Any] = field(default_factory=dict)
