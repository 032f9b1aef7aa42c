"""A gateway over the real call store, and what the tests of the model layer ask."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.llm.admission import CallAdmission
from hishamos_pipeline.llm.gateway import Gateway, Request
from hishamos_pipeline.llm.providers import Access, read_ref
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.providers import FakeProvider

KEY = "sk-test-0123456789"
GOOD = '{"name": "notes", "size": 3}'


class Thing(BaseModel):
    """What is asked for."""

    name: str
    size: int


MakeGateway = Callable[..., Gateway]


@pytest.fixture
def make_gateway(store: ProjectStore, settings: Settings) -> MakeGateway:
    """A gateway whose providers are all one fake; settings may be changed by name."""

    def make(fake: FakeProvider, **changed: Any) -> Gateway:
        given = {"llm_urls": fake.urls, "llm_free": "compatible:*,ollama:*", "llm_retries": 2,
                 "llm_max_wait_seconds": 3, "llm_per_minute": 1000, **changed}  # fmt: skip
        settled = settings.model_copy(update=given)
        return Gateway(CallAdmission(store.calls, settled), Access(settled.llm_urls, lambda _: KEY))

    return make


def ask(prompt: str = "Name a thing.", *models: str, **changed: Any) -> Request[Thing]:
    """A question to a model."""
    fields: dict[str, Any] = {
        "role": "tester",
        "task": "name",
        "system": "You name things.",
        "prompt": prompt,
        "output": Thing,
        "models": [read_ref(name, "test") for name in models or ("compatible:model-a",)],
        "purpose": Purpose("notes", "requirements", prompt[:20]),
        "prompt_version": "v1",
        **changed,
    }
    return Request(**fields)
