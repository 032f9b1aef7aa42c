"""Metrics for Prometheus: of all processes and machines, read from the store when they are asked for."""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hishamos_pipeline import __version__
from hishamos_pipeline.core.artifacts.items import FILE_SETS
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.store.counters.repository import BUCKETS
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace.disk import size_of

# name in the store: what it is called in front of `_total`, and what it is.
_COUNTERS = {
    "asset_results": ("hishamos_asset_results", "Assets by how their making ended: made, reused, failed."),
    "files": ("hishamos_files", "Files in the artifacts that were made."),
    "sandbox_commands": ("hishamos_sandbox_commands", "Commands in the sandbox by how they ended."),
}
# What has not happened yet is there with 0: a rate of a counter that begins with 1 misses the first.
_AT_ZERO = {
    "asset_results": [{"asset": a, "result": r} for a in STEPS for r in ("made", "reused", "failed")],
    "files": [{"asset": a} for a in (*FILE_SETS, "verified_build")],
}
_ARCHIVE_ENDS = (".zip", ".tar.gz")
_SECONDS = ("asset_seconds", "hishamos_asset_seconds", "Seconds that the making of an asset took.")
_BOUNDS = [*map(str, BUCKETS), "+Inf"]


class Metrics(Collector):
    """Collects every figure; none is by project.

    Args:
        store: the project store.
        queue: gives how many of Dagster's runs are in each state that is not an end.
        home: HishamOS's folder on this machine.
    """

    def __init__(self, store: ProjectStore, queue: Callable[[], Mapping[str, int]], home: Path) -> None:
        self._store, self._queue, self._home = store, queue, home

    def collect(self) -> Iterator[Metric]:
        """All figures, as of now."""
        yield InfoMetricFamily("hishamos_build", "The release.", value={"version": __version__})
        yield from self._bytes()
        counters = self._store.counters.all()
        yield from self._counted(counters)
        yield self._seconds(counters)
        yield from self._calls()
        error = self._store.forecasts.mean_error()
        if error is not None:
            yield GaugeMetricFamily(
                "hishamos_forecast_error",
                "Difference between likely and made calls over the larger, newest builds, mean over projects.",
                value=error,
            )
        yield _gauge("hishamos_projects", "Projects by state.", "state", self._store.projects.by_state())
        yield _gauge("hishamos_runs", "Runs that have not ended, by status.", "status", self._queue())
        yield _gauge(
            "hishamos_notifications",
            "Notifications by status.",
            "status",
            self._store.notifications.by_status(),
        )

    def _bytes(self) -> Iterator[Metric]:
        there = next(path for path in (self._home, *self._home.parents) if path.exists())
        disk = shutil.disk_usage(there)
        yield GaugeMetricFamily("hishamos_disk_bytes", "Size of the disk of HISHAMOS_HOME.", value=disk.total)
        yield GaugeMetricFamily("hishamos_disk_free_bytes", "What is free on that disk.", value=disk.free)
        yield GaugeMetricFamily(
            "hishamos_trees_bytes", "Files of all delivered trees.", value=self._store.deliveries.tree_bytes()
        )
        archives = chain.from_iterable(self._home.glob(f"projects/*/*{end}") for end in _ARCHIVE_ENDS)
        yield GaugeMetricFamily(
            "hishamos_archives_bytes", "Archives on this machine.", value=sum(map(size_of, archives))
        )

    def _counted(self, counters: list[tuple[str, dict[str, str], float]]) -> Iterator[Metric]:
        for stored, (name, help_) in _COUNTERS.items():
            rows = [(labels, value) for found, labels, value in counters if found == stored]
            known = [labels for labels, _ in rows]
            rows += [(labels, 0.0) for labels in _AT_ZERO.get(stored, ()) if labels not in known]
            names = sorted({label for labels, _ in rows for label in labels})
            family = CounterMetricFamily(name, help_, labels=names)
            for labels, value in rows:
                family.add_metric([labels.get(label, "") for label in names], value)
            yield family

    def _seconds(self, counters: list[tuple[str, dict[str, str], float]]) -> Metric:
        stored, name, help_ = _SECONDS
        buckets: dict[str, dict[str, float]] = defaultdict(dict)
        sums: dict[str, float] = {}
        for found, labels, value in counters:
            if found == f"{stored}_bucket":
                bound = labels.pop("le")
                buckets[json.dumps(labels)][bound] = value
            elif found == f"{stored}_sum":
                sums[json.dumps(labels)] = value
        family = HistogramMetricFamily(name, help_, labels=["asset", "role"])
        for text, counts in buckets.items():
            total, cumulative = 0.0, []
            for bound in _BOUNDS:
                total += counts.get(bound, 0.0)
                cumulative.append((bound, total))
            labels = json.loads(text)
            family.add_metric([labels["asset"], labels["role"]], cumulative, sums.get(text, 0.0))
        return family

    def _calls(self) -> Iterator[Metric]:
        names = ["role", "provider"]
        calls = CounterMetricFamily(
            "hishamos_model_calls", "Calls of models; those that the cache answered are `cached`.",
            labels=[*names, "outcome"],
        )  # fmt: skip
        invalid = CounterMetricFamily(
            "hishamos_model_invalid_answers",
            "Answers that could not be used; their calls are `ok`.",
            labels=names,
        )
        lost = GaugeMetricFamily(
            "hishamos_model_lost_calls",
            "Calls whose process ended before the answer; what they may have cost is in no figure here.",
            labels=names,
        )
        tokens = CounterMetricFamily(
            "hishamos_model_tokens", "Tokens of models.", labels=[*names, "direction"]
        )
        cost = CounterMetricFamily("hishamos_model_cost_usd", "US dollars that models cost.", labels=names)
        seconds = CounterMetricFamily("hishamos_model_seconds", "Seconds of calls of models.", labels=names)
        sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * 5)
        ended: dict[tuple[str, str, str], int] = defaultdict(int)
        for row in self._store.calls.totals():
            # What became of a lost call may be learnt later; a counter that went down would look like a restart.
            if row.outcome == "lost":
                lost.add_metric([row.role, row.provider], row.calls)
                continue
            if row.outcome == "invalid":
                invalid.add_metric([row.role, row.provider], row.calls)
            # So may that an answer was useless.
            ended[row.role, row.provider, "ok" if row.outcome == "invalid" else row.outcome] += row.calls
            mine = sums[row.role, row.provider]
            for index, value in enumerate(
                (row.input_tokens, row.output_tokens, row.cached_tokens, row.cost_usd, row.seconds)
            ):
                mine[index] += value
        for labels, count in ended.items():
            calls.add_metric(labels, count)
        for (role, provider), (sent, received, cached, usd, took) in sorted(sums.items()):
            for direction, value in (("input", sent), ("output", received), ("cached_input", cached)):
                tokens.add_metric([role, provider, direction], value)
            cost.add_metric([role, provider], usd)
            seconds.add_metric([role, provider], took)
        yield from (calls, invalid, lost, tokens, cost, seconds)


def _gauge(name: str, help_: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
