"""What determines an answer: the key of the response cache."""

from typing import Any

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.llm.providers import ModelRef

# What providers and pydantic-ai add to messages and what does not determine the answer.
_INCIDENTAL = frozenset(
    "timestamp run_id conversation_id usage provider_response_id provider_details provider_url provider_name "
    "model_name model_id metadata finish_reason history_digest workspace_ref canonical_system state".split()
)


def question(
    ref: ModelRef,
    place: str,
    messages: list[ModelMessage],
    settings: ModelSettings | None,
    params: ModelRequestParameters,
) -> str:
    """Everything that determines an answer, as canonical JSON; its hash is the key of the response cache."""
    tools = [[tool.name, tool.description, tool.parameters_json_schema] for tool in params.function_tools]
    shape = params.output_object
    return canonical_json(
        {
            "provider": ref.provider,
            "model": ref.name,
            "place": sha256_text(place) if place else "",
            "settings": {key: (settings or {}).get(key) for key in ("temperature", "max_tokens")},
            "shape": [shape.name, shape.description, shape.json_schema] if shape else None,
            "mode": params.output_mode,
            "tools": tools,
            "messages": _essential(ModelMessagesTypeAdapter.dump_python(messages, mode="json")),
        }
    )


def _essential(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _essential(item) for key, item in value.items() if key not in _INCIDENTAL}
    return [_essential(item) for item in value] if isinstance(value, list) else value
