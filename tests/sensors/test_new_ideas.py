"""The sensor of the inbox: what it takes in is a requested build."""

import dagster as dg

from hishamos_pipeline.sensors.new_ideas import new_ideas
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from tests.sensors.ticking import skipped


def test_what_is_taken_in_is_a_requested_build(
    settings: Settings, store: ProjectStore, instance: dg.DagsterInstance
) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "shop.md").write_text("# Shop\n")
    (settings.inbox / "bad.yaml").write_text("title: [")
    said = skipped(new_ideas, instance, settings)
    assert said == "taken in: shop; set aside: bad.yaml"
    (request,) = store.builds.requested(9)
    assert (request.project, request.revision, request.via, request.requested_by) == (
        "shop",
        1,
        "inbox",
        "sensor",
    )
    assert (settings.inbox / "bad.yaml.error.txt").exists()
    assert skipped(new_ideas, instance, settings) == "no new idea"
