"""A project that is built by a recorded model, over a real wire format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.files import accept, read_paths
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
        return self.services(**changed).project(self.model.name)

    def services(self, **changed: Any) -> Services:
        """The services."""
        return Services(self.settings.model_copy(update=changed))


@contextmanager
def record(name: str, settings: Settings) -> Iterator[Recorded]:
    """A recorded project, submitted and not built."""
    model = RecordedModel(name)
    with provider(model) as server:
        given = settings.model_copy(
            update={"llm": MODEL, "llm_urls": server.urls, "llm_per_minute": 10_000, "llm_retries": 1}
        )
        made = Recorded(model, server, given)
        idea = read_brief(model.brief.read_bytes(), "brief.md")
        beside = model.folder / "files"
        handed = accept(read_paths([beside] if beside.exists() else [], settings), settings)
        idea = idea.model_copy(update={"files": handed.files})
        made.services().store.projects.submit(idea, "test", handed.texts)
        yield made


@pytest.fixture
def recorded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The recorded command line project."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    with record("reading-log", settings) as made:
        yield made
