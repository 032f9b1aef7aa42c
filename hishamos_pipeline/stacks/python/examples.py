"""The examples of a brief as tests, by template: what stands there is what is compared, no model comes in between."""

import json
from collections.abc import Mapping

from hishamos_pipeline.core.artifacts.documents import Architecture
from hishamos_pipeline.core.artifacts.prescriptions import Example, ExampleStep
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import EXAMPLES
from hishamos_pipeline.stacks.python.rendering import render

__all__ = ["EXAMPLES", "examples_test"]


def examples_test(plan: Architecture) -> str:
    """The test file of a plan's examples, not formatted yet."""
    names: set[str] = set()
    examples = plan.prescriptions.examples
    tests = [_test(example, names) for example in examples]
    steps = [step for example in examples for step in example.steps]
    made_by = [text for file in plan.files for text in file.signatures if "create_app" in text]
    return render(
        plan.stack,
        "tests/examples.py.j2",
        tests=tests,
        asks=any(step.request for step in steps),
        runs=any(step.command for step in steps),
        program=plan.distribution,
        entry=plan.entry,
        package=plan.package,
        root=plan.root.rstrip("/"),
        takes_database=any("database" in text for text in made_by),
    )


def _test(example: Example, names: set[str]) -> Mapping[str, object]:
    base = "_".join(re.findall(r"[a-z0-9]+", example.title.lower()))[:50].strip("_") or "example"
    name, number = f"test_{base}", 1
    while name in names:
        number += 1
        name = f"test_{base}_{number}"
    names.add(name)
    return {
        "name": name,
        "title": example.title,
        "files": [(repr(file.path), repr(file.text)) for file in example.files],
        "steps": [_step(step) for step in example.steps],
    }


def _step(step: ExampleStep) -> Mapping[str, object]:
    method, _, path = step.request.partition(" ")
    return {
        "command": repr(list(step.command)) if step.command else "",
        "stdin": repr(step.stdin),
        "stdout": None if step.stdout is None else repr(step.stdout),
        "stderr": None if step.stderr is None else repr(step.stderr),
        "exit_code": step.exit_code,
        "request": bool(step.request),
        "method": repr(method),
        "path": repr(path),
        "headers": repr(dict(step.headers)) if step.headers else "",
        "body": repr(_value(step.body)) if step.body.strip() else "",
        "status": step.status,
        "answer": None if step.answer is None else repr(_value(step.answer)),
        "is_json": step.answer is not None and _is_json(step.answer),
        "looks": step.stdout is not None or step.stderr is not None or step.exit_code is not None,
    }


def _value(text: str) -> object:
    """A JSON text as a value; what is none is compared as text."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
