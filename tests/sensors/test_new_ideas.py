"""The sensor: what it requests, on a real instance, tick after tick."""

from collections.abc import Iterator

import dagster as dg
import pytest

from hishamos_pipeline.core.idea import Idea
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.sensors.new_ideas import new_ideas, requested_builds
from hishamos_pipeline.settings import Settings
from tests.sensors.ticking import tick


def test_a_run_key_carries_the_revision() -> None:
    (request,) = requested_builds([("notes", 3)])
    assert (request.run_key, request.partition_key) == ("build_project/notes/3", "notes")


def test_a_key_that_breaks_the_rule_gets_no_run() -> None:
    assert requested_builds([("../x", 1), ("A", 1)]) == []


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The services of the sensor, seen from outside."""
    opened = Services(settings)
    yield opened
    opened.close()


def keys(result: dg.SensorResult) -> list[str | None]:
    return [request.partition_key for request in result.run_requests or []]


def test_new_ideas_get_a_partition_and_a_run(
    settings: Settings, services: Services, instance: dg.DagsterInstance
) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "shop.md").write_text("# Shop\n")
    (settings.inbox / "bad.yaml").write_text("title: [")
    services.store.projects.submit(Idea(key="notes", title="Notes"), "t")
    result = tick(new_ideas, instance, settings)
    assert sorted(map(str, keys(result))) == ["notes", "shop"]
    (added,) = result.dynamic_partitions_requests or []
    assert sorted(added.partition_keys) == ["notes", "shop"]  # type: ignore[union-attr]
    assert (settings.inbox / "bad.yaml.error.txt").exists()


def test_a_tick_that_died_is_made_up_for(
    settings: Settings, services: Services, instance: dg.DagsterInstance
) -> None:
    """The state in the store decides; asking again gives the same run key, which Dagster runs once."""
    services.store.projects.submit(Idea(key="notes", title="Notes"), "t")
    first, second = tick(new_ideas, instance, settings), tick(new_ideas, instance, settings)
    assert [r.run_key for r in first.run_requests or []] == [r.run_key for r in second.run_requests or []]
    services.store.projects.set_state("notes", "building")
    done = tick(new_ideas, instance, settings)
    assert keys(done) == [] and "no new idea" in str(done.skip_reason)


def test_a_changed_idea_gets_another_run(
    settings: Settings, services: Services, instance: dg.DagsterInstance
) -> None:
    projects = services.store.projects
    projects.submit(Idea(key="notes", title="Notes"), "t")
    projects.set_state("notes", "exported")
    assert keys(tick(new_ideas, instance, settings)) == []
    projects.submit(Idea(key="notes", title="Notes", vision="more"), "t")
    (request,) = tick(new_ideas, instance, settings).run_requests or []
    assert request.run_key == "build_project/notes/2"


def test_a_tick_is_bounded(settings: Settings, services: Services, instance: dg.DagsterInstance) -> None:
    for number in range(25):
        services.store.projects.submit(Idea(key=f"idea-{number}", title="x"), "t")
    assert len(keys(tick(new_ideas, instance, settings))) == settings.runs_per_tick == 10


def test_what_was_cancelled_in_the_queue_waits_no_longer(
    settings: Settings, services: Services, instance: dg.DagsterInstance
) -> None:
    services.store.projects.submit(Idea(key="notes", title="Notes"), "t")
    run = instance.create_run_for_job(
        defs().resolve_job_def("build_project"),
        tags={"dagster/partition": "notes", "dagster/run_key": "build_project/notes/1"},
    )
    instance.report_run_canceled(run)
    assert keys(tick(new_ideas, instance, settings)) == []
    project = services.store.projects.get("notes")
    assert project.state == "failed" and "cancelled" in project.reason
