"""A workflow as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), with the states of a run on it."""

from collections.abc import Iterator, Mapping, Sequence

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition, WorkflowStep
from hishamos_pipeline.core.workflows.states import RunState

_COLOURS = {
    "succeeded": "#c8e6c9", "failed": "#ffcdd2", "cancelled": "#e0e0e0", "skipped": "#f5f5f5", "running": "#bbdefb",
    "ready": "#e3f2fd", "waiting": "#fff9c4",
}  # fmt: skip
# Of several elements of a list, the state that most has to be looked at is shown.
_FIRST = ("failed", "waiting", "running", "ready", "pending", "cancelled", "succeeded", "skipped")
_SHAPES = {
    "human_approval": ("[/", "/]"),
    "condition": ("{", "}"),
    "delay": ("([", "])"),
    "wait_for_event": ("([", "])"),
    "subworkflow": ("[[", "]]"),
}


def mermaid(definition: WorkflowDefinition, run: RunState | None = None) -> str:
    """The flowchart of a workflow; steps of a run are coloured by their states."""
    states = _states(run) if run else {}
    lines = ["flowchart TD"]
    for title, steps in (
        ("", definition.steps),
        ("on failure", definition.on_failure),
        ("finally", definition.finally_),
    ):
        inner = list(_steps(steps, states))
        lines += (
            [f'  subgraph "{title}"', *(f"  {line}" for line in inner), "  end"] if title and inner else inner
        )
    if states:
        lines += [f"  classDef {state} fill:{colour},color:#000" for state, colour in _COLOURS.items()]
    return "\n".join(lines) + "\n"


def _steps(steps: Sequence[WorkflowStep], states: Mapping[str, str]) -> Iterator[str]:
    for step in steps:
        label = _quoted(step.title or step.id, step.type)
        if step.type == "parallel":
            yield f"  subgraph {step.id}[{label}]"
            yield from (f"  {line}" for line in _steps(list(step.inner), states))
            yield "  end"
        else:
            opening, closing = _SHAPES.get(step.type, ("[", "]"))
            mark = f":::{states[step.id]}" if states.get(step.id, "pending") != "pending" else ""
            yield f"  {step.id}{opening}{label}{closing}{mark}"
    for step in steps:
        arrow = f"-- {_quoted(step.when)} -->" if step.when else "-->"
        yield from (f"  {name} {arrow} {step.id}" for name in step.depends_on)
        if step.on_changes:
            yield f'  {step.id} -. "changes" .-> {step.on_changes.rework}'


def _states(run: RunState) -> dict[str, str]:
    found: dict[str, str] = {}
    for state in run.steps.values():
        known = found.get(state.id)
        found[state.id] = min((state.state, known), key=_FIRST.index) if known else state.state
    return found


def _quoted(*lines: str) -> str:
    """A label in quotes; what Mermaid would read as its own is written as entities."""
    safe = [
        line.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
        for line in lines
    ]
    return '"' + "<br/>".join(" ".join(line.split())[:80] for line in safe) + '"'
