"""The job, run by Dagster's own executor choice on a real instance."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.partitions import add_partition
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.settings import Settings
from tests.generation.conftest import MODEL, record
from tests.generation.test_repair import AT_FAULT, BROKEN, GOOD, LONGEST, REVISED, text
from tests.support.answering import answering


@pytest.fixture
def instance(tmp_path: Path, dagster_storage: dict[str, Any]) -> Iterator[dg.DagsterInstance]:
    """An ephemeral instance with the partition of the small project."""
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=dagster_storage) as made:
        add_partition(made, "notes")
        yield made


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The services of the job, seen from outside."""
    opened = Services(settings)
    yield opened
    opened.close()


def run(
    instance: dg.DagsterInstance,
    settings: Settings,
    config: dict[str, object] | None = None,
    key: str = "notes",
):
    definitions = dg.Definitions.merge(defs())
    job = definitions.resolve_job_def("build_project")
    return job.execute_in_process(
        instance=instance,
        partition_key=key,
        raise_on_error=False,
        resources={"pipeline": Pipeline(home=str(settings.home))},
        run_config=config or {},
    )


@pytest.mark.slow
def test_the_whole_job(
    instance: dg.DagsterInstance, settings: Settings, services: Services, notes_idea: Idea
) -> None:
    services.store.projects.submit(notes_idea, "test")
    result = run(instance, settings)
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert {e.partition for e in evaluations} == {"notes"}
    failed = {e.check_name for e in evaluations if not e.passed}
    assert failed == {"no_story_is_deferred"}
    for kind in STEPS:
        (event,) = result.asset_materializations_for_node(kind)
        assert event.metadata["preview"].value
        assert len(str(event.metadata["preview"].value).encode()) <= 2000
        row = services.store.artifacts.require("notes", kind)
        assert event.tags["dagster/data_version"] == row.content_hash == event.metadata["content_hash"].value
    (build,) = result.asset_materializations_for_node("verified_build")
    repository = instance.get_latest_materialization_event(dg.AssetKey("repository"))
    assert repository and repository.asset_materialization
    table = repository.asset_materialization.metadata["traceability"].value
    assert table.records and all(record.data["commit"] for record in table.records if record.data["test"])  # type: ignore[union-attr]
    assert build.metadata["tests"].value > 0 and build.metadata["coverage"].value > 80  # type: ignore[operator]
    assert services.store.projects.get("notes").state == "exported"


@pytest.mark.slow
def test_a_failing_check_blocks_what_follows(
    instance: dg.DagsterInstance, settings: Settings, services: Services
) -> None:
    idea = read_brief(b"# Notes\n\n## Features\n- Play chess\n")
    services.store.projects.submit(idea, "test")
    result = run(instance, settings)
    assert not result.success
    made = {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert "stories" in made and "source_code" not in made and "repository" not in made
    project = services.store.projects.get("notes")
    assert (project.state, project.failed_step) == ("blocked", "stories")
    assert "US-001 needs a language model" in project.reason


@pytest.mark.slow
def test_a_brief_can_be_pasted_into_the_launchpad(
    instance: dg.DagsterInstance, settings: Settings, services: Services
) -> None:
    brief = "A pad where users can add and list memos."
    assert run(instance, settings, {"ops": {"idea": {"config": {"brief": brief}}}}).success
    assert services.store.projects.idea("notes").title == "Pad"
    assert services.store.builds.requested(5) == []


def test_a_partition_without_an_idea_says_what_to_do(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    result = run(instance, settings)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    assert "submit its idea first" in str(failure.step_failure_data.user_failure_data.description)


@pytest.mark.slow
def test_stale_downstream_is_known_to_dagster_by_data_version(
    instance: dg.DagsterInstance, settings: Settings, services: Services, notes_idea: Idea
) -> None:
    services.store.projects.submit(notes_idea, "test")
    first = run(instance, settings)
    second = run(instance, settings)

    def versions(result) -> dict[str, str]:
        return {
            event.asset_key.to_user_string(): str(
                event.step_materialization_data.materialization.tags["dagster/data_version"]
            )
            for event in result.get_asset_materialization_events()
        }

    assert first.success and second.success
    assert versions(first) == versions(second)


def test_a_key_that_breaks_the_rule_never_becomes_a_partition(instance: dg.DagsterInstance) -> None:
    with pytest.raises(Exception, match="a key is 1 to 63"):
        add_partition(instance, "../etc")
    assert instance.get_dynamic_partitions("projects") == ["notes"]


@pytest.mark.slow
@pytest.mark.real_servers
def test_what_is_made_again_within_a_step_is_recorded(
    tmp_path: Path, dagster_storage: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    with (
        record("reading-log", settings) as recorded,
        dg.instance_for_test(temp_dir=str(tmp_path), overrides=dagster_storage) as instance,
    ):
        add_partition(instance, "reading-log")
        answering(
            recorded,
            {
                "coding/new for src/reading_log/report.py": [text(BROKEN), text(GOOD + LONGEST)],
                "coding/repair for src/reading_log/report.py": [AT_FAULT],
                "architect/revise": [json.dumps({"files": [REVISED]})],
            },
        )
        for name, value in (("LLM", MODEL), ("LLM_URLS", json.dumps(dict(recorded.server.urls))),
                            ("LLM_PER_MINUTE", "10000")):  # fmt: skip
            monkeypatch.setenv(f"HISHAMOS_{name}", value)
        result = run(instance, settings, key="reading-log")
        assert result.success
        found = instance.fetch_materializations(dg.AssetKey("architecture"), limit=5).records
        last = found[0].asset_materialization
        assert len(found) == 2 and last and last.partition == "reading-log"
        assert last.metadata["made"].value == "made: its verification has found it at fault"
        plan = recorded.run().project.store.artifacts.require("reading-log", "architecture")
        assert last.tags == {"dagster/data_version": plan.content_hash}
