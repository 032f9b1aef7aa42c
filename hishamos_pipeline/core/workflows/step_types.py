"""The kinds of steps: what each takes and gives, and whether it runs in a process of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Kind = Literal["string", "integer", "number", "boolean", "list", "map", "any", "duration"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step takes under a name; one of ``choices`` where there are any."""

    type: Kind = "string"
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepType:
    """A kind of steps.

    ``gives`` are its outputs with their types. ``is_heavy`` steps run as Dagster runs, others where the run is
    advanced; ``waits`` says that it ends when somebody or something outside says so. ``rights`` are those that whoever
    owns the run needs for it.
    """

    name: str
    description: str
    takes: Mapping[str, Taken] = field(default_factory=dict)
    gives: Mapping[str, Kind] = field(default_factory=dict)
    is_heavy: bool = False
    waits: bool = False
    rights: tuple[str, ...] = ()


_BUILTIN = (
    StepType(
        "agent_task",
        "An agent does a task of its role.",
        takes={
            "role": Taken(required=True), "task": Taken(required=True), "text": Taken(), "project": Taken(),
            "material": Taken("map"),
        },
        gives={"document": "map", "calls": "integer", "tokens": "integer", "cost_usd": "number"},
        is_heavy=True,
        rights=("agents.run",),
    ),
    StepType(
        "human_approval",
        "People decide: approve, reject, or ask for changes.",
        takes={
            "approvers": Taken("list", required=True), "exclude": Taken("list"), "needed": Taken("integer"),
            "question": Taken(), "form": Taken("map"), "show": Taken("list"), "expires": Taken("duration"),
            "on_expiry": Taken(choices=("reject", "approve", "fail")), "remind": Taken("duration"),
            "escalate": Taken("list"),
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
        "webhook",
        "A signed request to somebody outside, or a wait for one from there.",
        takes={
            "direction": Taken(choices=("out", "in")), "url": Taken(), "body": Taken("map"), "secret": Taken(),
        },
        gives={"status": "integer", "body": "any"},
        waits=True,
    ),
    StepType(
        "api_call",
        "An operation of the API, as the run's owner, or one of a host that is allowed.",
        takes={
            "operation": Taken(), "parameters": Taken("map"), "body": Taken("map"), "url": Taken(),
            "method": Taken(choices=("GET", "POST", "PUT", "PATCH", "DELETE")), "success": Taken(),
        },
        gives={"status": "integer", "body": "any"},
    ),
    StepType(
        "file_generation",
        "Files of a step's output into a project, or a build of some of its artifacts.",
        takes={
            "project": Taken(required=True), "files": Taken("map"), "artifacts": Taken("list"),
            "stories": Taken("list"),
        },
        gives={"files": "list"},
        is_heavy=True,
        rights=("projects.build",),
    ),
    StepType(
        "repo_creation",
        "A repository, an archive, or a publication of a project.",
        takes={
            "project": Taken(required=True),
            "to": Taken(required=True, choices=("git", "zip", "tar", "github", "gitlab")),
        },
        gives={"commit": "string", "url": "string"},
        is_heavy=True,
        rights=("projects.export",),
    ),
    StepType(
        "build_project",
        "A build of a project to its end.",
        takes={"project": Taken(required=True), "until": Taken(), "stories": Taken("list")},
        gives={"state": "string", "verified": "boolean", "stories_verified": "list", "cost_usd": "number"},
        is_heavy=True,
        rights=("projects.build",),
    ),
    StepType(
        "wait_for_event",
        "Waits until something has happened.",
        takes={"event": Taken(required=True), "filter": Taken(), "expires": Taken("duration")},
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
        "A message to people.",
        takes={"to": Taken("list", required=True), "subject": Taken(required=True), "text": Taken()},
    ),
)  # fmt: skip

_KINDS: Mapping[Kind, type | tuple[type, ...]] = MappingProxyType(
    {"string": str, "integer": int, "number": (int, float), "boolean": bool, "list": list, "map": dict}
)


def mismatches(kind: StepType, outputs: Mapping[str, object]) -> str:
    """What is wrong with what a step has given: names that its type does not give, and values of other types."""
    unknown = sorted(outputs.keys() - kind.gives.keys())
    if unknown:
        return f"it gives {', '.join(unknown)}, which {kind.name} does not"
    wrong = [name for name, value in outputs.items() if not _is(value, kind.gives[name])]
    return f"what it gives as {', '.join(wrong)} is of another type than {kind.name} says" if wrong else ""


def _is(value: object, kind: Kind) -> bool:
    if value is None or kind not in _KINDS:
        return True
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


BUILTIN: Mapping[str, StepType] = MappingProxyType({kind.name: kind for kind in _BUILTIN})
