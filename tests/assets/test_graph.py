"""The asset graph as Dagster sees it; an accidental change is a visible difference."""

import warnings
from pathlib import Path

import dagster as dg
import yaml
from syrupy.assertion import SnapshotAssertion

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.definitions import defs
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
        if graph.get(key).group_name != "operations"
    } == {kind: set(step.inputs) for kind, step in STEPS.items()}


def test_every_check_of_a_project_is_partitioned() -> None:
    graph = defs().resolve_asset_graph()
    of_projects = [key for key in graph.asset_check_keys if key.asset_key.to_user_string() in STEPS]
    assert {graph.get(key).partitions_def.name for key in of_projects} == {"projects"}  # type: ignore[union-attr, attr-defined]


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


def test_the_workspace_names_the_definitions() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"]["module_name"] == "hishamos_pipeline.definitions"
    assert Path(ROOT / "hishamos_pipeline" / "definitions.py").exists()
