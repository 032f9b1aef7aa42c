"""The workflows that come with HishamOS: valid, described, and each runs to its end."""

from typing import Any

import pytest

from hishamos_pipeline.core.workflows.mermaid import mermaid
from hishamos_pipeline.core.workflows.starting import complete_inputs
from hishamos_pipeline.core.workflows.states import ENDED, Decided
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.intake.workflows import read_workflow, templates
from tests.core.workflows.playing import Play

NAMES = sorted(templates())
GIVEN: dict[str, dict[str, Any]] = {
    "agent_task": {
        "document": {"title": "Wrong total", "severity": "high"},
        "calls": 1,
        "tokens": 10,
        "cost_usd": 0.1,
    },
    "build_project": {
        "project_state": "verified",
        "verified": True,
        "stories_verified": ["US-001"],
        "cost_usd": 0.5,
    },
    "repo_creation": {"url": "https://example.org/notes"},
}


def play(name: str) -> Play:
    """A run of a template in which nothing goes wrong, up to its end."""
    definition = read_workflow(templates()[name], BUILTIN)
    required = {key: "notes" for key, spec in definition.inputs.items() if spec.required}
    made = Play(definition, complete_inputs(definition, required))
    while (step := next((s for s in made.run.steps.values() if is_open(s)), None)) is not None:
        kind = made.definition.step(step.id).type
        if kind == "human_approval":
            fields = dict.fromkeys(step.given.get("form", ()), "x")
            made.happen(Decided(step.key, step.attempt, "approve", "bob", form=fields))
        else:
            made.ok(step.key, **GIVEN.get(kind, {}))
    return made


def is_open(step: Any) -> bool:
    return step.state in ("ready", "waiting") and not step.is_container


@pytest.mark.parametrize("name", NAMES)
def test_a_template_says_what_it_is_and_runs_to_its_end(name: str) -> None:
    definition = read_workflow(templates()[name], BUILTIN)
    assert definition.workflow == name and definition.title and definition.description.endswith(".")
    assert all(spec.description for spec in definition.inputs.values())
    made = play(name)
    assert made.run.state == "succeeded", made.run.failure
    assert None not in made.run.outputs.values()
    assert {s.state for s in made.run.steps.values()} == {"succeeded"}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_rejected_is_told(name: str) -> None:
    definition = read_workflow(templates()[name], BUILTIN)
    required = {key: "notes" for key, spec in definition.inputs.items() if spec.required}
    made = Play(definition, complete_inputs(definition, required))
    while made.run.ended_at is None:
        step = next(s for s in made.run.steps.values() if is_open(s))
        kind = definition.step(step.id).type
        if kind == "human_approval":
            made.decide(step.key, "reject", "no")
        else:
            made.ok(step.key, **GIVEN.get(kind, {}))
    assert made.run.state == "failed" and made.run.failure and made.run.failure.cause == "rejected"
    assert (
        made.run.steps["failed"].state == "succeeded" and "bob: no" in made.run.steps["failed"].given["text"]
    )
    assert all(s.state in ENDED for s in made.run.steps.values())


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_drawn(name: str) -> None:
    made = play(name)
    drawn, with_states = mermaid(made.definition), mermaid(made.definition, made.run)
    assert drawn.startswith("flowchart TD\n") and ":::" not in drawn
    assert drawn.count("subgraph") == drawn.count("\n  end") + drawn.count("\n    end")
    assert with_states.count(":::succeeded") == sum(not s.is_container for s in made.run.steps.values())


def test_labels_hold_nothing_that_mermaid_would_read() -> None:
    title = 'x"]; click a "javascript:1" <b>'
    made = Play(f"steps:\n- {{id: a, type: notify, title: '{title}', with: {{subject: x}}}}\n")
    drawn = mermaid(made.definition)
    assert 'a["x#quot;]; click a #quot;javascript:1#quot; #lt;b#gt;<br/>notify"]' in drawn
