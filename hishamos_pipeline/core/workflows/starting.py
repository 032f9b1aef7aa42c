"""What a run is started with: the inputs of its workflow, checked and completed by their defaults."""

from collections.abc import Mapping
from typing import Any

from hishamos_pipeline.core.text.suggesting import did_you_mean
from hishamos_pipeline.core.workflows.definitions import InputSpec, WorkflowDefinition
from hishamos_pipeline.core.workflows.expressions import ExpressionError, evaluate, is_of, type_of
from hishamos_pipeline.core.workflows.names import of_run
from hishamos_pipeline.core.workflows.run_steps import MOST_JSON_BYTES, size_of
from hishamos_pipeline.errors import InputError

_EMPTY: Mapping[str, Any] = {
    "string": "", "integer": 0, "number": 0.0, "boolean": False, "list": [], "map": {},
}  # fmt: skip


def complete_inputs(definition: WorkflowDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a run; what is neither given nor has a default is empty.

    Raises:
        InputError: some are missing, unknown, or of another type.
    """
    problems = [
        (f"inputs.{name}", f"is no input{did_you_mean(name, definition.inputs)}")
        for name in given
        if name not in definition.inputs
    ]
    found: dict[str, Any] = {}
    for name, spec in definition.inputs.items():
        value = given.get(name, spec.default)
        if value is None and spec.required:
            problems.append((f"inputs.{name}", "has to be given"))
        elif problem := value_problem(spec, value):
            problems.append((f"inputs.{name}", problem))
        found[name] = _EMPTY[spec.type] if value is None else value
    if not problems and size_of(found) > MOST_JSON_BYTES:
        problems.append(("inputs", f"are larger than {MOST_JSON_BYTES} bytes"))
    if problems:
        raise InputError(tuple(problems))
    return found


def concurrency_key(definition: WorkflowDefinition, owner: str, inputs: Mapping[str, Any]) -> str:
    """The key that no more runs than some may have at the same time; empty where there is no such limit.

    Raises:
        InputError: it cannot be worked out.
    """
    if definition.concurrency is None:
        return ""
    values = {f"inputs.{name}": value for name, value in inputs.items()}
    values |= {"run.owner": owner, "run.workflow": definition.workflow}
    try:
        return str(evaluate(definition.concurrency.key, of_run(definition), values))[:200]
    except ExpressionError as error:
        raise InputError((("concurrency.key", str(error)),)) from None


def value_problem(spec: InputSpec, value: Any) -> str:
    """What is wrong with the value of an input, or of a field of a form; ``None`` is no value, and never wrong here."""
    if value is None:
        return ""
    if not is_of(type_of(value), spec.type):
        return f"is no {spec.type}"
    return f"is none of {', '.join(spec.choices)}" if spec.choices and value not in spec.choices else ""
