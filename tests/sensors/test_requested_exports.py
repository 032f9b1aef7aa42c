"""The sensor that picks requested exports out of the store."""

from datetime import UTC, datetime

import dagster as dg

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.sensors.requested_exports import TRIES, requested_exports, runs_for
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.exports.records import ExportRequest
from hishamos_pipeline.store.store import ProjectStore
from tests.sensors.ticking import tick


def request(number: int, kind: str) -> ExportRequest:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return ExportRequest(number, 1, kind, "{}", "requested", "", "ada", now, None)


def none_earlier(_: str) -> tuple[int, bool]:
    return 0, False


def test_one_run_for_each_project_with_all_that_was_asked_for() -> None:
    asked = [
        ("a", request(1, "zip")), ("b", request(2, "github")), ("a", request(3, "gitlab")), ("../c", request(4, "zip")),
    ]  # fmt: skip
    runs, given_up = runs_for(asked, none_earlier)
    assert [(run.partition_key, run.run_key) for run in runs] == [
        ("a", "export_project/a/3/1"), ("b", "export_project/b/2/1"),
    ]  # fmt: skip
    assert runs[0].asset_selection == [dg.AssetKey("gitlab_project"), dg.AssetKey("zip_archive")]
    assert given_up == {} and runs_for([], none_earlier) == ([], {})


def test_a_run_that_died_is_asked_for_again_and_at_last_given_up() -> None:
    asked = [("a", request(1, "github"))]
    assert runs_for(asked, lambda _: (1, True)) == ([], {})
    (again,) = runs_for(asked, lambda _: (1, False))[0]
    assert again.run_key == "export_project/a/1/2"
    runs, given_up = runs_for(asked, lambda _: (TRIES, False))
    assert runs == [] and list(given_up) == ["a"]


def test_requests_of_projects_that_are_not_built_wait_and_hold_nobody_up(
    store: ProjectStore, settings: Settings, notes: ProjectRun, instance: dg.DagsterInstance
) -> None:
    for number in range(120):
        store.projects.submit(Idea(key=f"p{number}", title="P"), "test")
        store.projects.set_state(f"p{number}", "failed", step="stories", reason="broken")
        store.export_requests.add(f"p{number}", "github", Target(), "ada")
    store.export_requests.add("notes", "github", Target(), "ada")
    assert "no export was requested" in str(tick(requested_exports, instance, settings).skip_reason)
    store.projects.set_state("notes", "exported")
    (run,) = tick(requested_exports, instance, settings).run_requests or []
    assert run.partition_key == "notes"
    store.projects.set_state("notes", "blocked", step="github_repository", reason="no token")
    assert len(tick(requested_exports, instance, settings).run_requests or []) == 1


def test_what_a_request_does_not_say_stays_as_it_was(store: ProjectStore, notes: ProjectRun) -> None:
    store.export_requests.add("notes", "github", Target(owner="acme", visibility="public"), "ada")
    store.export_requests.add("notes", "github", Target(visibility="private"), "ada")
    target = notes.exports.target("github")
    assert (target.owner, target.visibility) == ("acme", "private")


def test_a_request_stands_until_it_is_done_or_withdrawn(store: ProjectStore, notes: ProjectRun) -> None:
    requests = store.export_requests
    assert not notes.exports.asked().wants("github") and notes.exports.asked().wants("zip")
    first = requests.add("notes", "github", Target(), "ada")
    second = requests.add("notes", "github", Target(owner="acme"), "bob")
    standing = requests.standing("notes", "github")
    assert (
        notes.exports.asked().wants("github")
        and standing
        and (standing.id, standing.requested_by) == (second, "bob")
    )
    requests.finish("notes", "github", first)
    assert [row.status for row in requests.of_project("notes")] == ["requested", "completed"]
    requests.finish("notes", "github", second, "no such owner")
    assert [row.error for row in requests.of_project("notes")] == ["no such owner", ""]
    assert notes.exports.asked().wants("github")
    assert requests.withdraw("notes", "github") == 2 and not notes.exports.asked().wants("github")
