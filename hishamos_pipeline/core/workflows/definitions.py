"""What a workflow is: typed inputs, steps that depend on one another, a budget, triggers."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.text import linear_re as re

WorkflowType = Literal["bug", "feature", "change_request", "release", "code_review", "sdlc", "custom"]
ValueType = Literal["string", "integer", "number", "boolean", "list", "map"]
Join = Literal["all", "any", "all_done"]
Cause = Literal["error", "timeout", "lost", "unavailable"]

MOST_BYTES, MOST_STEPS, MOST_INPUTS, LONGEST_EXPRESSION = 200_000, 200, 50, 500
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:\d{1,6}[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")
_LONGEST_DAYS = 3660


def duration(text: object) -> timedelta:
    """A duration such as ``90s``, ``2h30m`` or ``5d``; a number is one of seconds.

    Raises:
        ValueError: it is none, or longer than ten years.
    """
    if isinstance(text, timedelta):
        return text
    if isinstance(text, int | float) and not isinstance(text, bool):
        seconds = float(text)
    elif isinstance(text, str) and _DURATION.fullmatch(text):
        seconds = float(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    else:
        raise ValueError("is no duration: write `90s`, `2h30m` or `5d`")
    if not 0 <= seconds <= _LONGEST_DAYS * _UNITS["d"]:
        raise ValueError(f"is not between 0 and {_LONGEST_DAYS} days")
    return timedelta(seconds=seconds)


def shown_duration(value: timedelta) -> str:
    """A duration as it is written: ``2h30m``."""
    rest, parts = int(value.total_seconds()), []
    for unit, size in reversed(_UNITS.items()):
        if unit != "w" and rest >= size:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(shown_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d{1,6}[smhdw])+$", "examples": ["90s", "2h30m", "5d"]}),
]
# A name that expressions can say.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Expression = Annotated[str, Field(min_length=1, max_length=LONGEST_EXPRESSION)]


class InputSpec(Document):
    """A value that a run is started with; one without a default has to be given."""

    type: ValueType = "string"
    description: Annotated[str, Field(max_length=500)] = ""
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()


class Retry(Document):
    """How often a step is tried again after which ``causes``; ``backoff`` is waited before, doubled each time."""

    max: int = Field(default=0, ge=0, le=20)
    backoff: Duration = timedelta(seconds=10)
    causes: tuple[Cause, ...] = ("error", "timeout", "lost", "unavailable")


class Rework(Document):
    """What is done again when changes are asked for: a step before, and all between; ``max`` times at most."""

    rework: Name
    max: int = Field(default=1, ge=1, le=20)


class RunBudget(Document):
    """What a run may take at most, all its steps together; ``None`` is no limit of its own."""

    usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    tokens: int | None = Field(default=None, ge=0)
    wall_time: Duration | None = None


class Concurrency(Document):
    """How many runs there may be with the same ``key``, an expression, and what becomes of one more."""

    key: Expression
    max: int = Field(default=1, ge=1, le=1000)
    otherwise: Literal["wait", "refuse"] = "wait"


class Trigger(Document):
    """What starts a run: an event that ``filter`` is true of, a schedule, or a signed request from outside."""

    by: Literal["event", "schedule", "webhook"]
    event: Annotated[str, Field(max_length=100)] = ""
    filter: Expression | None = None
    cron: Annotated[str, Field(max_length=100)] = ""
    timezone: Annotated[str, Field(max_length=60)] = "UTC"
    inputs: Mapping[Name, Any] = Field(default_factory=dict)


class WorkflowStep(Document):
    """One step of a workflow.

    ``given`` (``with`` in the text) is what its type takes; strings may hold ``${{ … }}``. It begins when the steps of
    ``depends_on`` are done as ``join`` says, and is skipped where ``when`` is false. A step of type ``parallel`` has
    ``branches``, or ``steps`` that run for each element of the list ``for_each``, at most ``most``, named ``item``.
    """

    id: Name
    type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,59}$")]
    title: Annotated[str, Field(max_length=200)] = ""
    depends_on: tuple[Name, ...] = ()
    when: Expression | None = None
    given: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    retry: Retry = Retry()
    timeout: Duration | None = None
    continue_on_failure: bool = False
    join: Join = "all"
    on_changes: Rework | None = None
    branches: Mapping[Name, tuple["WorkflowStep", ...]] = Field(default_factory=dict)
    for_each: Expression | None = None
    steps: tuple["WorkflowStep", ...] = ()
    most: int = Field(default=20, ge=1, le=200)
    fail_fast: bool = True

    @property
    def inner(self) -> Iterator["WorkflowStep"]:
        """The steps of its branches, and those that it runs for each element."""
        for branch in self.branches.values():
            yield from branch
        yield from self.steps


class WorkflowDefinition(Document):
    """A workflow as its author has written it, read and checked for its shape alone."""

    workflow: Key
    title: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=5000)] = ""
    type: WorkflowType = "custom"
    inputs: Annotated[Mapping[Name, InputSpec], Field(max_length=MOST_INPUTS)] = Field(default_factory=dict)
    outputs: Annotated[Mapping[Name, Expression], Field(max_length=MOST_INPUTS)] = Field(default_factory=dict)
    budget: RunBudget = RunBudget()
    concurrency: Concurrency | None = None
    triggers: Annotated[tuple[Trigger, ...], Field(max_length=20)] = ()
    steps: Annotated[tuple[WorkflowStep, ...], Field(min_length=1, max_length=MOST_STEPS)]
    on_failure: Annotated[tuple[WorkflowStep, ...], Field(max_length=20)] = ()
    finally_: Annotated[tuple[WorkflowStep, ...], Field(max_length=20)] = Field(default=(), alias="finally")

    def step(self, name: str) -> WorkflowStep:
        """A step by its id."""
        return next(step for step in self.all_steps if step.id == name)

    @property
    def all_steps(self) -> Iterator[WorkflowStep]:
        """All steps, with those inside others."""
        open_ = [*self.steps, *self.on_failure, *self.finally_]
        while open_:
            step = open_.pop(0)
            yield step
            open_ += step.inner
