"""Build requests follow their project's state; events tell what has happened; organizations see their own."""

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import Epic, Stories, Story
from hishamos_pipeline.core.artifacts.editing import Edit
from hishamos_pipeline.core.artifacts.idea import Idea, SprintRules
from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.errors import EditError, ProjectBusyError, ProjectKeyError, ProjectNotFoundError
from hishamos_pipeline.store import database
from hishamos_pipeline.store.artifacts.repository import Provenance
from hishamos_pipeline.store.events.repository import KINDS
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock

IDEA = Idea(key="notes", title="Notes")
ANN = Actor("ann")
PROVENANCE = Provenance(inputs={}, code_version="v1", role="pipeline", engine="test")


def kinds(store: ProjectStore) -> list[str]:
    return [event.kind for event in store.events.newest(100)]


def statuses(store: ProjectStore) -> list[str]:
    return [request.status for request in reversed(store.builds.page(PageQuery(100)).items)]


def test_a_request_is_made_once_and_names_whoever_has_asked(store: ProjectStore) -> None:
    ann = store.acting_as(ANN)
    ann.projects.submit(IDEA, "t")
    (first,) = ann.builds.page(PageQuery(9)).items
    assert (first.project, first.requested_by, first.via, first.status) == (
        "notes", "user:ann", "command line", "requested",
    )  # fmt: skip
    assert store.acting_as(Actor("bob")).builds.add("notes") == first, "one that waits is the one"
    assert ann.projects.submit(IDEA.model_copy(update={"vision": "more"}), "t").revision == 2
    (now,) = ann.builds.page(PageQuery(9)).items
    assert (now.id, now.revision) == (first.id, 2), "it will be built as it is by then"
    with pytest.raises(ProjectNotFoundError):
        ann.builds.add("nope")


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("exported", "completed", ""),
        ("verified", "completed", ""),
        ("blocked", "failed", "why"),
        ("failed", "failed", "why"),
    ],
)
def test_a_request_ends_with_its_build(store: ProjectStore, end: str, status: str, reason: str) -> None:
    store.projects.submit(IDEA, "t")
    store.projects.set_state("notes", "building")
    assert statuses(store) == ["running"] and store.builds.requested(9) == []
    store.builds.add("notes")  # wanted again while it is built: that comes after
    assert store.builds.requested(9) == []
    store.projects.set_state("notes", end, reason=reason)
    assert statuses(store) == [status, "requested"]
    done, _ = reversed(store.builds.page(PageQuery(9)).items)
    assert done.reason == reason and done.started_at and done.finished_at
    assert [request.project for request in store.builds.requested(9)] == ["notes"]


def test_a_part_of_a_build_fulfils_no_request(store: ProjectStore) -> None:
    """An export that begins while a build is asked for leaves that to its own run."""
    store.projects.submit(IDEA, "t")
    for state in ("building", "exported"):
        store.projects.set_state("notes", state)
    store.builds.add("notes")
    store.projects.set_state("notes", "building", fulfils=False)
    store.projects.set_state("notes", "exported")
    assert statuses(store) == ["completed", "requested"]


def test_a_run_that_ends_before_it_began_ends_its_request(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    assert store.projects.fail("notes", "", "no code server", 1)
    assert statuses(store) == ["failed"]
    request = store.builds.add("notes")  # of a project that is in another state
    store.builds.fail(request.id, 1, "no code\0 server")
    assert statuses(store) == ["failed", "failed"] and store.builds.requested(9) == []
    assert store.builds.page(PageQuery(1)).items[0].reason == "no code server"


def test_a_run_that_failed_says_nothing_about_a_newer_brief(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    (request,) = store.builds.page(PageQuery(1)).items
    store.projects.submit(IDEA.model_copy(update={"vision": "more"}), "t")
    store.builds.fail(request.id, request.revision, "no code server")
    assert [(r.revision, r.status) for r in store.builds.requested(9)] == [(2, "requested")]
    store.projects.set_state("notes", "failed", reason="of the run before", only_from="building")
    assert store.projects.get("notes").state == "submitted" and statuses(store) == ["requested"]


def test_a_brief_that_comes_while_it_is_built_ends_what_that_was_for(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    store.projects.set_state("notes", "building")
    store.projects.submit(IDEA.model_copy(update={"vision": "more"}), "t")
    assert statuses(store) == ["cancelled", "requested"]


def test_a_project_that_is_being_deleted_is_not_built(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    store.projects.set_state("notes", "archived")
    store.housekeeping.begin_deletion("notes", "ann")
    with pytest.raises(ProjectBusyError, match="being deleted"):
        store.builds.add("notes")


def test_a_cancelled_or_archived_project_waits_no_longer(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    assert (store.builds.cancel("notes", "by ann"), store.builds.cancel("notes", "by bob")) == (1, 0)
    assert (store.projects.get("notes").state, store.projects.get("notes").reason) == ("failed", "by ann")
    store.builds.add("notes")
    store.projects.set_state("notes", "archived")
    assert statuses(store) == ["cancelled", "cancelled"]


def test_ended_requests_and_old_events_go(store: ProjectStore, clock: FixedClock) -> None:
    store.projects.submit(IDEA, "t")
    store.builds.cancel("notes", "x")
    store.builds.add("notes")
    clock.advance(timedelta(days=9))
    assert store.builds.ended(clock.now()) == 1 and store.events.outdated(clock.now()) > 0
    store.builds.remove(clock.now())
    store.events.remove(clock.now())
    assert statuses(store) == ["requested"] and kinds(store) == []


def test_numbers_are_never_used_again(store: ProjectStore, clock: FixedClock) -> None:
    """A run is known by the number of its request, and a reader goes on after the last event that it has seen."""
    store.projects.submit(IDEA, "t")
    store.builds.cancel("notes", "x")
    last, seen = store.builds.page(PageQuery(1)).items[0].id, store.events.newest(1)[0].id
    clock.advance(timedelta(days=9))
    store.builds.remove(clock.now())
    store.events.remove(clock.now())
    assert store.builds.add("notes").id > last
    assert [event.kind for event in store.events.after(seen, 9)] == ["build.requested"]


def test_secrets_are_masked_before_a_text_is_cut(store: ProjectStore) -> None:
    secret = register('sk-"quoted\\secret"-of-many-characters')
    store.projects.submit(IDEA, f"{'x' * 290} {secret}")
    store.builds.cancel("notes", f"{'y' * 490} {secret}")
    told = (
        json.dumps([event.payload for event in store.events.newest(9)])
        + store.builds.page(PageQuery(1)).items[0].reason
    )
    assert "sk-" not in told and "***" in told and "sk-" not in store.projects.get("notes").reason


def test_each_effect_has_its_event(store: ProjectStore) -> None:
    ann = store.acting_as(ANN)
    ann.projects.submit(IDEA, "t")
    ann.projects.set_state("notes", "building")
    ann.artifacts.write("notes", "idea", IDEA, PROVENANCE)
    ann.artifacts.approve("notes", "idea")
    ann.artifacts.approve("notes", "idea")  # the first one stands
    story = Story(
        id="US-001", epic="EP-001", title="t", requirements=("REQ-001",), criteria=(), actor="a", want="w",
        benefit="b", points=1, priority="must", status="deferred", reason="needs a model",
    )  # fmt: skip
    stories = Stories(epics=(Epic(id="EP-001", title="e"),), stories=(story,), sprint=SprintRules())
    ann.backlog.replace_stories("notes", stories)
    ann.backlog.replace_stories("notes", stories)
    ann.edits.add("notes", [Edit("stories", "US-001", {"id": "US-001"}, "")], author="ann")
    ann.export_requests.add("notes", "github", Target(), "ann")
    ann.projects.set_state("notes", "blocked", step="idea", reason="approve it", event="approval.wanted")
    events = store.events.newest(100)
    assert [(e.kind, e.subject) for e in events] == [
        ("build.requested", "1"), ("idea.submitted", ""), ("build.started", ""), ("step.made", "idea"),
        ("approval.given", "idea"), ("story.deferred", "US-001"), ("edit.made", "stories/US-001"),
        ("export.requested", "github"), ("approval.wanted", "idea"), ("build.ended", "idea"),
    ]  # fmt: skip
    assert {e.actor for e in events} == {"user:ann"} and {e.project for e in events} == {"notes"}
    assert events[-1].payload == {"state": "blocked", "reason": "approve it"}
    assert {e.kind for e in events} <= set(KINDS)


def test_an_effect_that_is_rolled_back_has_no_event(
    store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.projects.submit(IDEA, "t")
    monkeypatch.setattr("hishamos_pipeline.store.audit.repository._hash", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.projects.submit(IDEA.model_copy(update={"vision": "x"}), "t")
    assert kinds(store) == ["build.requested", "idea.submitted"]
    assert store.projects.idea_revision("notes").revision == 1


def test_whoever_reads_on_misses_nothing(store: ProjectStore) -> None:
    """While others write: each event once, in the order of their numbers."""
    writers = 6

    def write(number: int) -> None:
        for part in range(10):
            store.projects.submit(Idea(key=f"p{number}", title="t", vision=str(part)), "t")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads):
        seen += [event.id for event in store.events.after(seen[-1] if seen else 0, 7)]
    while more := store.events.after(seen[-1], 1000):
        seen += [event.id for event in more]
    assert seen == [event.id for event in store.events.newest(1000)] and len(seen) == writers * 11


def test_events_are_chosen_by_project_and_kind(store: ProjectStore) -> None:
    for key in ("a", "b"):
        store.projects.submit(Idea(key=key, title=key), "t")
    assert [e.project for e in store.events.newest(9, project="a")] == ["a", "a"]
    assert [e.project for e in store.events.newest(9, kinds=("idea.submitted",))] == ["a", "b"]


def test_an_approval_is_for_what_was_read(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    read = store.artifacts.write("notes", "idea", IDEA, PROVENANCE)
    store.artifacts.write("notes", "idea", IDEA.model_copy(update={"vision": "x"}), PROVENANCE)
    with pytest.raises(EditError, match="idea has changed"):
        store.artifacts.approve("notes", "idea", read.content_hash[:8])
    assert not store.artifacts.is_approved("notes", "idea")


@pytest.fixture
def elsewhere(store: ProjectStore) -> ProjectStore:
    """The store for somebody of another organization."""
    with database.for_writing(store.engine).begin() as connection:
        connection.execute(
            text("INSERT INTO organizations (key, title, created_at) VALUES ('acme', 'Acme', '2026-01-01')")
        )
    return store.acting_as(Actor("eve", organization="acme"))


def test_an_organization_sees_its_own_projects_alone(store: ProjectStore, elsewhere: ProjectStore) -> None:
    ann = store.acting_as(ANN)
    ann.projects.submit(IDEA, "t")
    ann.artifacts.write("notes", "idea", IDEA, PROVENANCE)
    elsewhere.projects.submit(Idea(key="theirs", title="Theirs"), "t")
    assert [p.key for p in ann.projects.all()] == ["notes"]
    assert (
        [p.key for p in elsewhere.projects.all()]
        == [p.key for p in elsewhere.projects.page(PageQuery(9)).items]
        == ["theirs"]
    )
    assert [p.key for p in store.projects.all()] == ["notes", "theirs"], "the installation sees all"
    assert not elsewhere.projects.exists("notes") and elsewhere.projects.by_state()["submitted"] == 1
    assert [r.project for r in elsewhere.builds.requested(9)] == ["theirs"]
    assert {e.project for e in elsewhere.events.newest(9)} == {"theirs"}
    for ask in (
        lambda: elsewhere.projects.get("notes"), lambda: elsewhere.artifacts.heads("notes"),
        lambda: elsewhere.artifacts.head("notes", "idea"), lambda: elsewhere.builds.add("notes"),
        lambda: elsewhere.deliveries.exports("notes"), lambda: elsewhere.edits.proposals("notes"),
        lambda: elsewhere.projects.set_state("notes", "archived"), lambda: elsewhere.units.find("notes", ["k"]),
        lambda: elsewhere.export_requests.of_project("notes"), lambda: elsewhere.backlog.stories("notes"),
    ):  # fmt: skip
        with pytest.raises(ProjectNotFoundError):
            ask()
    assert (
        elsewhere.artifacts.with_hash("notes", "idea", ann.artifacts.require("notes", "idea").content_hash)
        is None
    )


def test_a_key_is_of_one_organization(store: ProjectStore, elsewhere: ProjectStore) -> None:
    store.acting_as(ANN).projects.submit(IDEA, "t")
    with pytest.raises(ProjectKeyError, match="is taken: choose another"):
        elsewhere.projects.submit(IDEA, "t")
    assert store.projects.idea_revision("notes").revision == 1
