"""Traces: what a real build sends to a collector, over OTLP, on loopback."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.web import Answer, Asked, web_server

pytestmark = pytest.mark.slow

PROGRAM = """
import asyncio, sys
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.traces import configure_traces, flush_traces
from hishamos_pipeline.settings import get_settings
from hishamos_pipeline.core.artifacts.idea import Idea
from tests.support.building import build
configured = configure_traces()
services = Services(get_settings())
services.store.projects.submit(Idea(key="notes", title="Notes", features=("User can add a note",)), "test")
asyncio.run(build(services.project("notes"), until="architecture"))
flush_traces()
print(configured)
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector's URL, and the spans that it got."""
    got: list[Any] = []

    def take(asked: Asked) -> Answer:
        zipped = asked.headers.get("content-encoding") == "gzip"
        request = ExportTraceServiceRequest.FromString(gzip.decompress(asked.body) if zipped else asked.body)
        for resource in request.resource_spans:
            got.extend(span for scope in resource.scope_spans for span in scope.spans)
        return Answer()

    with web_server(take) as url:
        yield url, got


def run(**variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_asset_is_a_span(collector: tuple[str, list[Any]]) -> None:
    url, got = collector
    assert run(OTEL_EXPORTER_OTLP_ENDPOINT=url) == "True"
    names = [span.name for span in got]
    assert names == ["make idea", "make requirements", "make architecture"]
    attributes = {item.key: item.value.string_value for item in got[0].attributes}
    assert attributes["hishamos.project"] == "notes" and attributes["hishamos.asset"] == "idea"


def test_without_a_collector_nothing_is_sent(collector: tuple[str, list[Any]]) -> None:
    assert run() == "False" and collector[1] == []


def test_a_collector_that_is_away_holds_nothing_up() -> None:
    assert run(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT="1") == "True"
