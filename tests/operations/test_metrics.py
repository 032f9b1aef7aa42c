"""The figures: what they say after real work, none of it by project; and the dashboard asks for what is there."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import promql_parser
import pytest
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from hishamos_pipeline import __version__
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Archive, VerifiedBuild
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.pipeline.spending import CallEnd, CallStart, Purpose, Throttle
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.generation.instrumentation import CountedSandbox
from hishamos_pipeline.generation.producers.table import PRODUCERS
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.operations.metrics import Metrics
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Toolchain
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.calls.records import UnitCost
from hishamos_pipeline.store.forecasts.records import Foretold
from hishamos_pipeline.store.store import ProjectStore
from tests.conftest import ROOT
from tests.fakes.clock import FixedClock
from tests.support.building import build, opened_again

DASHBOARD = ROOT / "deploy" / "grafana" / "hishamos.json"


@pytest.fixture
def registry(store: ProjectStore, settings: Settings) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(Metrics(store, lambda: {"queued": 3, "started": 1}, settings.home))
    return made


def samples(registry: CollectorRegistry) -> list[Sample]:
    text = generate_latest(registry).decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return sum(s.value for s in samples(registry) if s.name == name and labels.items() <= s.labels.items())


def call_start(outcome: str) -> CallStart:
    return CallStart(
        purpose=Purpose("notes", "stories"), role="qa", task="write", provider="anthropic", model="m",
        prompt_version="v", request_hash=sha256_text(outcome), request="{}", attempt=1, fallback_reasons="",
        reserved_usd=0.1, reserved_tokens=10,
    )  # fmt: skip


def call(store: ProjectStore, outcome: str) -> None:
    start = call_start(outcome)
    if outcome == "cached":
        store.calls.record_cached(start)
        return
    admitted = store.calls.admit(start, [], Throttle(9, 99), alone=False)
    assert isinstance(admitted, int)
    store.calls.settle(
        admitted, CallEnd(outcome=outcome, input_tokens=7, output_tokens=5, cost_usd=0.02, seconds=2.0)
    )


class Stub:
    """A sandbox whose commands end as it is told."""

    name, isolates = "stub", True

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)

    async def run(self, command: Command, tree: object, limits: Limits, toolchain: Toolchain) -> Outcome:
        return self.outcomes.pop(0)


async def worked(notes: ProjectRun, store: ProjectStore) -> None:
    """Something of everything that is counted."""
    await build(notes, until="zip_archive")
    failing = {"tar_archive": replace(PRODUCERS["tar_archive"], produce=_missing)}
    with pytest.raises(ArtifactMissingError):
        await opened_again(notes, producers=failing).make("tar_archive")
    for outcome in ("ok", "failed", "cached"):
        call(store, outcome)
    store.calls.reject([sha256_text("ok")])
    killed = Outcome(None, "", 1.0, limit="wall time of 300 s (HISHAMOS_CHECK_SECONDS)")
    sandbox = CountedSandbox(
        Stub(Outcome(0, "", 1.0), killed, Outcome(None, "", 1.0, signal="SIGSEGV")), lambda: store.counters
    )  # type: ignore[arg-type]
    for _ in range(3):
        await sandbox.run(Command([]), ROOT, Limits(), Toolchain(ROOT, ()))


async def _missing(_: object) -> Document:
    raise ArtifactMissingError("gone")


async def test_they_say_what_happened(
    notes: ProjectRun, store: ProjectStore, registry: CollectorRegistry
) -> None:
    await worked(notes, store)
    await build(notes, until="stories")
    assert value(registry, "hishamos_asset_results_total", asset="stories", result="made") == 1
    assert value(registry, "hishamos_asset_results_total", asset="stories", result="reused") == 1
    assert value(registry, "hishamos_asset_results_total", asset="tar_archive", result="failed") == 1
    assert value(registry, "hishamos_asset_seconds_count", asset="verified_build") == 1
    assert value(registry, "hishamos_asset_seconds_bucket", asset="stories", le="+Inf") == 1
    assert 0 < value(registry, "hishamos_asset_seconds_sum", asset="verified_build") < 300
    assert value(registry, "hishamos_files_total", asset="source_code") > 3
    assert value(registry, "hishamos_model_tokens_total", direction="input", role="qa") == 14
    assert value(registry, "hishamos_model_cost_usd_total", provider="anthropic") == pytest.approx(0.04)
    assert value(registry, "hishamos_model_calls_total", outcome="cached") == 1
    assert value(registry, "hishamos_sandbox_commands_total", ending="killed_seconds") == 1
    assert value(registry, "hishamos_sandbox_commands_total", ending="signal") == 1
    assert value(registry, "hishamos_runs", status="queued") == 3
    assert sum(s.value for s in samples(registry) if s.name == "hishamos_projects") == 1
    assert all("project" not in sample.labels for sample in samples(registry))
    assert "notes" not in generate_latest(registry).decode()


async def test_sizes_release_and_what_has_not_happened_yet(
    notes: ProjectRun, store: ProjectStore, registry: CollectorRegistry
) -> None:
    assert value(registry, "hishamos_build_info", version=__version__) == 1
    zeros = [s for s in samples(registry) if s.name == "hishamos_asset_results_total"]
    assert {s.labels["asset"] for s in zeros} == STEPS.keys() and {s.value for s in zeros} == {0}
    assert 0 < value(registry, "hishamos_disk_free_bytes") < value(registry, "hishamos_disk_bytes")
    assert value(registry, "hishamos_trees_bytes") == value(registry, "hishamos_archives_bytes") == 0
    await build(notes, until="zip_archive")
    files = notes.project.read("verified_build", VerifiedBuild).files
    assert value(registry, "hishamos_trees_bytes") == sum(file.size for file in files)
    assert value(registry, "hishamos_archives_bytes") == notes.project.read("zip_archive", Archive).size


def test_no_counter_goes_down_when_an_answer_is_found_useless(
    store: ProjectStore, registry: CollectorRegistry
) -> None:
    for _ in range(2):
        call(store, "ok")
    store.calls.reject([sha256_text("ok")])
    call(store, "ok")
    assert value(registry, "hishamos_model_calls_total", outcome="ok") == 3
    assert value(registry, "hishamos_model_invalid_answers_total", provider="anthropic") == 2
    assert len([s for s in samples(registry) if s.name == "hishamos_model_calls_total"]) == 1


def test_what_a_lost_call_may_have_cost_is_in_no_counter(
    store: ProjectStore, registry: CollectorRegistry, clock: FixedClock
) -> None:
    """It is told later, if its process was only cut off."""
    start = call_start("ok")
    admitted = store.calls.admit(start, [], Throttle(9, 99), alone=False)
    assert isinstance(admitted, int)
    clock.advance(timedelta(hours=1))
    store.calls.settle_orphaned()
    assert value(registry, "hishamos_model_lost_calls", role="qa") == 1
    assert value(registry, "hishamos_model_cost_usd_total") == 0
    store.calls.settle(
        admitted, CallEnd(outcome="ok", input_tokens=7, output_tokens=5, cost_usd=0.02, seconds=2.0)
    )
    assert value(registry, "hishamos_model_lost_calls") == 0
    assert value(registry, "hishamos_model_cost_usd_total") == pytest.approx(0.02)


def expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


def selectors(expression: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    """Every metric that an expression asks for."""
    if isinstance(expression, promql_parser.VectorSelector):
        return [expression]
    inner = [getattr(expression, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "vs")]
    inner += list(getattr(expression, "args", None) or [])
    return [
        found
        for part in inner
        if isinstance(part, promql_parser.Expr | promql_parser.VectorSelector)
        for found in selectors(part)
    ]


async def test_the_dashboard_asks_for_figures_that_are_there(
    notes: ProjectRun, store: ProjectStore, registry: CollectorRegistry
) -> None:
    await worked(notes, store)
    labels: dict[str, set[str]] = {}
    for sample in samples(registry):
        labels.setdefault(sample.name, set()).update(sample.labels)
    asked = 0
    for text in expressions():
        found = selectors(promql_parser.parse(text))
        assert found, text
        for selector in found:
            asked += 1
            assert selector.name in labels, f"{text}: there is no {selector.name}"
            for matcher in selector.matchers.matchers:
                assert matcher.name in labels[selector.name], f"{text}: {selector.name} has no {matcher.name}"
    assert asked >= 15
    titles = [panel["title"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(set(titles)) == len(titles)


def test_how_far_off_forecasts_are(
    store: ProjectStore, clock: FixedClock, registry: CollectorRegistry
) -> None:
    name = "hishamos_forecast_error"
    assert name not in {sample.name for sample in samples(registry)}
    store.projects.submit(Idea(key="notes", title="Notes", vision="Keeps notes."), "test")
    likely = UnitCost(2)
    store.forecasts.add("notes", "run", {"stories": Foretold(UnitCost(), likely, likely)})
    clock.advance(timedelta(seconds=1))
    call(store, "ok")
    store.forecasts.end("notes", "run")
    assert value(registry, name) == 0.5


def test_they_are_served(registry: CollectorRegistry) -> None:
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"hishamos_projects" in answer.read()
    finally:
        server.shutdown()
        thread.join()
