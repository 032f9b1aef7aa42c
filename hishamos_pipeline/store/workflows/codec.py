"""Runs, steps and events as the JSON that the tables of workflows keep."""

import json
from functools import lru_cache
from typing import Any, get_args

from pydantic import TypeAdapter

from hishamos_pipeline.core.workflows.approvals import Asked
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.states import Event, RunState, StepState

RUN, STEP, ASKED = TypeAdapter(RunState), TypeAdapter(StepState), TypeAdapter(Asked)
_EVENTS = {kind.__name__: TypeAdapter(kind) for kind in get_args(Event)}


def encoded(adapter: TypeAdapter[Any], value: Any) -> str:
    """A value as JSON, without what is as it is by default."""
    return adapter.dump_json(value, exclude_defaults=True).decode()


def encoded_event(event: Event) -> str:
    """An event as JSON, with its kind."""
    kind = type(event).__name__
    return json.dumps({"kind": kind, **_EVENTS[kind].dump_python(event, mode="json", exclude_defaults=True)})


def decoded_event(text: str) -> Event:
    """An event from JSON."""
    found = json.loads(text)
    event: Event = _EVENTS[found.pop("kind")].validate_python(found)
    return event


@lru_cache(maxsize=64)
def decoded_definition(content: str) -> WorkflowDefinition:
    """A definition from JSON; it was valid when it was stored."""
    return WorkflowDefinition.model_validate_json(content)
