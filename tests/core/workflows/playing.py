"""Plays a workflow: what happens to a run, with a clock that goes on only when it is told to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.engine import advance
from hishamos_pipeline.core.workflows.states import (
    Begun,
    Decided,
    Decision,
    Event,
    Failed,
    RunCommand,
    RunState,
    Started,
    Succeeded,
    Ticked,
)
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.intake.workflows import read_workflow

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday


class Play:
    """A run of a workflow in YAML, or of a definition.

    Args:
        workflow: the text, or its steps alone, or a definition.
        inputs: what it is started with.
    """

    def __init__(self, workflow: str | WorkflowDefinition, inputs: dict[str, Any] | None = None) -> None:
        if isinstance(workflow, str):
            text = workflow if workflow.startswith("workflow:") else f"workflow: played\n{workflow}"
            workflow = read_workflow(text, BUILTIN)
        self.definition, self.now = workflow, BEGAN
        self.run = RunState(id="run-1", workflow="played", owner="ann", inputs=inputs or {})
        self.commands: list[RunCommand] = []
        self.log: list[tuple[Event, datetime]] = []
        self.happen(Started())

    def happen(self, event: Event) -> tuple[RunCommand, ...]:
        """Something happens; the commands that follow."""
        self.log.append((event, self.now))
        self.run, commands = advance(self.definition, self.run, event, self.now, BUILTIN)
        self.commands += commands
        return commands

    def states(self) -> dict[str, str]:
        """The state of each step."""
        return {key: step.state for key, step in self.run.steps.items()}

    def take(self, key: str) -> None:
        self.happen(Begun(key, self.run.steps[key].attempt))

    def ok(self, key: str, usd: float | None = 0.0, tokens: int = 0, **outputs: Any) -> None:
        self.happen(Succeeded(key, self.run.steps[key].attempt, outputs, usd, tokens))

    def fail(self, key: str, cause: str = "error", message: str = "no") -> None:
        self.happen(Failed(key, self.run.steps[key].attempt, cause, message))

    def decide(self, key: str, decision: Decision, comment: str = "") -> None:
        self.happen(Decided(key, self.run.steps[key].attempt, decision, "bob", comment))

    def later(self, **length: float) -> tuple[RunCommand, ...]:
        """Time passes."""
        self.now += timedelta(**length)
        return self.happen(Ticked())

    def told(self, kind: str) -> list[str]:
        """The keys of the commands of a kind so far."""
        return [command.key for command in self.commands if command.kind == kind]
