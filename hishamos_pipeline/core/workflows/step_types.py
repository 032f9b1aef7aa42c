"""The kinds of steps: what each takes and gives, and whether it runs in a process of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from hishamos_pipeline.core.pipeline.event_kinds import KINDS

Kind = Literal[
    "string", "integer", "number", "boolean", "list", "map", "any", "duration", "filter", "form", "people"
]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step takes under a name; one of ``choices`` where there are any."""

    type: Kind = "string"
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepType:
    """A kind of steps.

    ``gives`` are its outputs with their types. ``is_heavy`` steps take long, and are done by the workers of the API's
    process alone; ``waits`` says that nobody does anything for it: it ends when somebody or something outside says so.
    ``costs`` says that it may take money. ``rights`` are those that whoever owns the run needs for it.
    """

    name: str
    description: str
    takes: Mapping[str, Taken] = field(default_factory=dict)
    gives: Mapping[str, Kind] = field(default_factory=dict)
    is_heavy: bool = False
    costs: bool = False
    waits: bool = False
    rights: tuple[str, ...] = ()


_BUILTIN = (
    StepType(
        "agent_task",
        "An agent does a task of its role.",
        takes={
            "role": Taken(required=True), "task": Taken(required=True), "text": Taken(required=True),
            "project": Taken(),
            "material": Taken("map"),
        },
        gives={"document": "map", "calls": "integer", "tokens": "integer", "cost_usd": "number"},
        is_heavy=True,
        costs=True,
        rights=("agents.run",),
    ),
    StepType(
        "human_approval",
        "People decide: approve, reject, or ask for changes.",
        takes={
            "approvers": Taken("people", required=True), "exclude": Taken("people"), "needed": Taken("integer"),
            "question": Taken(), "form": Taken("form"), "show": Taken("list"), "expires": Taken("duration"),
            "on_expiry": Taken(choices=("reject", "approve", "fail")), "remind": Taken("duration"),
            "escalate": Taken("people"),
        },
        gives={"decision": "string", "by": "string", "comment": "string", "form": "map", "round": "integer"},
        waits=True,
    ),
    StepType("condition", "Whether something holds.", {"if": Taken("boolean", required=True)}, {"result": "boolean"}),
    StepType(
        "parallel",
        "Branches at the same time, or steps for each element of a list.",
        takes={"join": Taken(choices=("all", "any", "all_done"))},
        gives={"results": "list", "failed": "integer"},
    ),
    StepType(
        "delay",
        "Waits for a while, or until a time.",
        {"for": Taken("duration"), "until": Taken(), "business_days": Taken("integer"), "timezone": Taken()},
        waits=True,
    ),
    StepType(
        "repo_creation",
        "An export of a project: an archive, or a publication.",
        takes={
            "project": Taken(), "to": Taken(required=True, choices=("zip", "tar", "github", "gitlab")),
        },
        gives={"url": "string"},
        rights=("projects.export",),
    ),
    StepType(
        "build_project",
        "A build of a project to its end: of all stories, or of some.",
        takes={"project": Taken(), "stories": Taken("list"), "retry_deferred": Taken("boolean")},
        gives={"project_state": "string", "verified": "boolean", "stories_verified": "list", "cost_usd": "number"},
        costs=True,
        rights=("projects.build",),
    ),
    StepType(
        "wait_for_event",
        "Waits until something has happened.",
        takes={"event": Taken(required=True, choices=KINDS), "filter": Taken("filter"), "expires": Taken("duration")},
        gives={"event": "map"},
        waits=True,
    ),
    StepType(
        "subworkflow",
        "A run of another workflow.",
        takes={"workflow": Taken(required=True), "version": Taken("integer"), "inputs": Taken("map")},
        gives={"outputs": "map", "run": "string"},
        waits=True,
    ),
    StepType(
        "notify",
        "A message over channels of the installation; over all of them where none is named.",
        takes={"subject": Taken(required=True), "text": Taken(), "channels": Taken("list")},
    ),
)  # fmt: skip

_KINDS: Mapping[Kind, type | tuple[type, ...]] = MappingProxyType(
    {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "list": list,
        "map": dict,
        "people": list,
        "form": dict,
    }
)


# How values of types are called whose parts are checked, too.
_PLAIN: Mapping[Kind, Kind] = MappingProxyType({"people": "list", "form": "map"})


def mismatches(kind: StepType, outputs: Mapping[str, object]) -> str:
    """What is wrong with what a step has given: names that its type does not give, and values of other types."""
    unknown = sorted(outputs.keys() - kind.gives.keys())
    if unknown:
        return f"it gives {', '.join(unknown)}, which {kind.name} does not"
    wrong = [name for name, value in outputs.items() if not _is(value, kind.gives[name])]
    return f"what it gives as {', '.join(wrong)} is of another type than {kind.name} says" if wrong else ""


def as_taken(kind: StepType, given: Mapping[str, object]) -> dict[str, object]:
    """What a step takes, with numbers and truths as texts where texts are taken, as within other text."""
    texts = {name for name, taken in kind.takes.items() if taken.type == "string"}
    return {
        name: json.dumps(value) if name in texts and isinstance(value, bool | int | float) else value
        for name, value in given.items()
        if value is not None
    }


def given_problem(kind: StepType, given: Mapping[str, object]) -> str:
    """What is wrong with what a step takes, once it is worked out; empty if it is well."""
    for name, taken in kind.takes.items():
        value = given.get(name)
        if value is None:
            if taken.required:
                return f"`{name}` has no value"
        elif not _is(value, taken.type):
            return f"`{name}` is no {_PLAIN.get(taken.type, taken.type)}"
        elif taken.choices and value not in taken.choices:
            return f"`{name}` is none of {', '.join(taken.choices)}"
    return ""


def _is(value: object, kind: Kind) -> bool:
    if value is None or kind not in _KINDS:
        return True
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


BUILTIN: Mapping[str, StepType] = MappingProxyType({kind.name: kind for kind in _BUILTIN})
