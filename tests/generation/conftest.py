"""A project that is built by a recorded model, over a real wire format."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.generation.workshop import Workshop
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.settings import Settings
from tests.fakes.providers import FakeProvider, provider
from tests.fakes.recorded import RecordedModel

MODEL = "openai-chat:gpt-5.6"


@dataclass
class Recorded:
    """A submitted project with its model, server, and a way to open it again with other settings."""

    model: RecordedModel
    server: FakeProvider
    settings: Settings

    def run(self, **changed: Any) -> ProjectRun:
        """The project, as a new process would open it."""
        workshop = Workshop(self.settings.model_copy(update=changed))
        return workshop.project("reading-log")

    def workshop(self, **changed: Any) -> Workshop:
        """The services."""
        return Workshop(self.settings.model_copy(update=changed))


@pytest.fixture
def recorded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The recorded project, submitted and not built."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    model = RecordedModel("reading-log")
    with provider(model) as server:
        given = settings.model_copy(
            update={"llm": MODEL, "llm_urls": server.urls, "llm_per_minute": 10_000, "llm_retries": 1}
        )
        made = Recorded(model, server, given)
        idea = read_brief((model.folder / "brief.md").read_bytes(), "brief.md")
        made.workshop().store.projects.submit(idea, "test")
        yield made
