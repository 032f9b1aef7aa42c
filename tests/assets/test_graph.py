"""The asset graph as Dagster sees it; an accidental change is a visible difference."""

import warnings
from pathlib import Path

import dagster as dg
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from hishamos_pipeline.core.graph import STEPS
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.jobs.home import prepare_dagster_home
from hishamos_pipeline.settings import Settings
from tests.conftest import ROOT


def test_the_graph(snapshot: SnapshotAssertion) -> None:
    graph = defs().resolve_asset_graph()
    seen = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.to_user_string()):
        node = graph.get(key)
        seen.append(
            {
                "asset": key.to_user_string(),
                "group": node.group_name,
                "made from": sorted(parent.to_user_string() for parent in node.parent_keys),
                "owners": list(node.owners),
                "kinds": sorted(node.kinds),
                "partitions": node.partitions_def.name if node.partitions_def else None,  # type: ignore[attr-defined]
                "has a code version": bool(node.code_version),
                "description": (node.description or "").split("\n")[0],
                "checks": [
                    f"{check.name}{' (blocks)' if graph.get(check).blocking else ''}"
                    for check in sorted(node.check_keys, key=lambda check: check.name)
                ],
            }
        )
    assert seen == snapshot


def test_the_graph_is_that_of_the_core() -> None:
    graph = defs().resolve_asset_graph()
    assert {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    } == {kind: set(step.inputs) for kind, step in STEPS.items()}


def test_every_check_is_partitioned() -> None:
    graph = defs().resolve_asset_graph()
    assert {graph.get(key).partitions_def.name for key in graph.asset_check_keys} == {"projects"}  # type: ignore[union-attr, attr-defined]


def test_definitions_load_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = defs()
        dg.Definitions.validate_loadable(loaded)
        loaded.resolve_job_def("build_project")
    ours = [
        str(item.message) for item in caught if "hishamos" in item.filename or "Preview" in str(item.category)
    ]
    assert ours == []


def test_the_instance_is_what_the_documentation_promises(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", "HISHAMOS_DAGSTER_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HISHAMOS_HOME", str(settings.home))
    home = prepare_dagster_home(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert instance.run_monitoring_enabled
            assert instance.run_retries_enabled and not instance.run_retries_retry_on_asset_or_op_failure
            assert not instance.telemetry_enabled and not instance.nux_enabled
            queue = instance.get_concurrency_config().run_queue_config
            assert queue is not None and queue.max_concurrent_runs == 4
            (limit,) = queue.tag_concurrency_limits
            assert limit["key"] == "dagster/partition" and limit["limit"] == 1
            assert str(settings.home) in instance.storage_directory()


def test_the_workspace_names_the_definitions() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"]["module_name"] == "hishamos_pipeline.definitions"
    assert Path(ROOT / "hishamos_pipeline" / "definitions.py").exists()
