"""The text of a workflow to its definition; whatever is wrong is told at once, each with its line and column."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from pydantic import BaseModel, ValidationError

from hishamos_pipeline.core.text.suggesting import did_you_mean
from hishamos_pipeline.core.workflows.checking import problems
from hishamos_pipeline.core.workflows.definitions import (
    MOST_BYTES,
    Concurrency,
    InputSpec,
    Retry,
    Rework,
    RunBudget,
    Trigger,
    WorkflowDefinition,
    WorkflowStep,
)
from hishamos_pipeline.core.workflows.step_types import StepType
from hishamos_pipeline.errors import IdeaError, InputError
from hishamos_pipeline.intake.problems import Path, Places
from hishamos_pipeline.intake.structured import read_json, read_yaml

_MOST_TOLD = 50
_MODELS: tuple[type[BaseModel], ...] = (
    WorkflowDefinition, WorkflowStep, InputSpec, Trigger, Retry, Rework, RunBudget, Concurrency,
)  # fmt: skip
_KNOWN = frozenset(field.alias or name for model in _MODELS for name, field in model.model_fields.items())


def read_workflow(text: str, types: Mapping[str, StepType]) -> WorkflowDefinition:
    """Read a workflow in YAML or JSON.

    Args:
        text: what its author has written.
        types: the kinds of steps that there are.

    Raises:
        InputError: it is not valid; every problem is told with the line and the column in which it stands.
    """
    if len(text.encode()) > MOST_BYTES:
        raise InputError((("workflow", f"has more than {MOST_BYTES} bytes"),))
    try:
        tree = (read_json if text.lstrip().startswith("{") else read_yaml)(text)
    except IdeaError as error:
        raise InputError((("workflow", error.problem),)) from error
    if not isinstance(tree, dict):
        raise InputError((("workflow", "is no mapping: it begins with `workflow:` and has `steps:`"),))
    try:
        definition = WorkflowDefinition.model_validate(tree)
    except ValidationError as error:
        raise _refused(text, list(_of_shapes(error.errors(include_url=False)))) from None
    except RecursionError:
        raise InputError((("workflow", "is nested too deeply"),)) from None
    found = [(item.path, item.text, item.of_key) for item in problems(definition, types)]
    if found:
        raise _refused(text, found)
    return definition


def _of_shapes(errors: Sequence[Any]) -> Iterator[tuple[Path, str, bool]]:
    """What is wrong with the shape of fields; of one whose parts are wrong, these alone are told."""
    places = [tuple(error["loc"]) for error in errors]
    for error, path in zip(errors, places, strict=True):
        if not any(other[: len(path)] == path and other != path for other in places):
            yield _of_shape(error)


def _of_shape(error: Any) -> tuple[Path, str, bool]:
    """Where a field of the wrong shape stands, and what is wrong with it."""
    path: Path = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        return path, f"is not known{did_you_mean(str(path[-1]), _KNOWN)}", True
    if error["type"] == "missing":
        return path[:-1], f"lacks `{path[-1]}`", False
    said = str(error["msg"]).removeprefix("Value error, ")
    return path, f"{said[:1].lower()}{said[1:]}", path[-1:] == ("[key]",)


def _refused(text: str, found: Sequence[tuple[Path, str, bool]]) -> InputError:
    places = Places(text)
    told = []
    for path, said, of_key in found[:_MOST_TOLD]:
        plain = tuple(part for part in path if part != "[key]")
        place = places.find(plain, of_key=of_key) if plain else None
        where = f" (line {place.line}, column {place.column})" if place else ""
        told.append((".".join(map(str, plain)) or "workflow", f"{said}{where}"))
    if len(found) > _MOST_TOLD:
        told.append(("workflow", f"has {len(found) - _MOST_TOLD} more problems"))
    return InputError(tuple(told))


def templates() -> dict[str, str]:
    """The texts of the workflows that come with HishamOS, by name."""
    folder = resources.files("hishamos_pipeline.intake") / "workflow_templates"
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return {file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8") for file in found}


def schema() -> dict[str, Any]:
    """The JSON Schema of workflows, for editors."""
    made = WorkflowDefinition.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "HishamOS workflow"}
