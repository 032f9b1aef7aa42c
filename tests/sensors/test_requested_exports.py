"""The sensor that picks requested exports out of the store."""

from pathlib import Path

import dagster as dg
import pytest

from hishamos_pipeline.core.staleness import PlannedStep
from hishamos_pipeline.core.target import Target
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.sensors.requested_exports import is_delivered, requested_exports, runs_for
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.tables import ExportRequest


def request(number: int, kind: str) -> ExportRequest:
    return ExportRequest(id=number, type=kind)


def test_one_run_for_each_project_with_all_that_was_asked_for() -> None:
    asked = [
        ("a", request(1, "zip")),
        ("b", request(2, "github")),
        ("a", request(3, "gitlab")),
        ("../c", request(4, "zip")),
    ]
    runs = runs_for(asked)
    assert [(run.partition_key, run.run_key) for run in runs] == [
        ("a", "export_project/a/3"),
        ("b", "export_project/b/2"),
    ]
    assert runs[0].asset_selection == [dg.AssetKey("gitlab_project"), dg.AssetKey("zip_archive")]
    assert runs_for(asked) == runs and runs_for([]) == []


@pytest.mark.parametrize(
    ("kinds", "delivered"), [((), True), (("github_repository",), True), (("stories", "zip_archive"), False)]
)
def test_a_build_comes_first(kinds: tuple[str, ...], delivered: bool) -> None:
    assert is_delivered([PlannedStep(kind, "", certain=True) for kind in kinds]) is delivered


def tick(settings: Settings, tmp_path: Path) -> dg.SensorResult:
    (tmp_path / "dagster").mkdir(exist_ok=True)
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as instance:
        with dg.build_sensor_context(
            instance=instance,
            instance_ref=instance.get_ref(),
            definitions=defs(),
            resources={"pipeline": Pipeline(home=str(settings.home))},
        ) as context:
            result = requested_exports(context)
        assert isinstance(result, dg.SensorResult)
        return result


def test_requests_of_projects_that_are_not_built_wait(
    store: ProjectStore, settings: Settings, notes: ProjectRun, tmp_path: Path
) -> None:
    store.export_requests.add("notes", "github", Target(), "ada")
    assert "no export was requested" in str(tick(settings, tmp_path).skip_reason)
    store.projects.set_state("notes", "failed", step="stories", reason="broken")
    assert "no export was requested" in str(tick(settings, tmp_path).skip_reason)
    (waiting,) = store.export_requests.requested(10)
    assert waiting[0] == "notes"


def test_a_request_stands_until_it_is_done_or_withdrawn(store: ProjectStore, notes: ProjectRun) -> None:
    requests = store.export_requests
    assert not notes.wants("github") and notes.wants("zip")
    first = requests.add("notes", "github", Target(), "ada")
    second = requests.add("notes", "github", Target(owner="acme"), "bob")
    standing = requests.standing("notes", "github")
    assert notes.wants("github") and standing and (standing.id, standing.requested_by) == (second, "bob")
    requests.finish("notes", "github", first)
    assert [row.status for row in requests.of_project("notes")] == ["requested", "completed"]
    requests.finish("notes", "github", second, "no such owner")
    assert [row.error for row in requests.of_project("notes")] == ["no such owner", ""]
    assert notes.wants("github")
    assert requests.withdraw("notes", "github") == 2 and not notes.wants("github")
