"""Verbs besides reading and writing: builds of some stories, settings, batches, prompts, and links by mail."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.core.pipeline.channel import EmailChannel
from hishamos_pipeline.operations.batch.steering import advance
from hishamos_pipeline.prompts.library import TEMPLATES
from hishamos_pipeline.sensors.requested_builds import runs_for
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.batch_runs import FakeBatchRuns
from tests.fakes.clock import FixedClock
from tests.fakes.mail import Mailbox, mail_server
from tests.fakes.ports import free_port
from tests.support.api import RunningApi, running_api, settings_at
from tests.support.built import BuiltProject
from tests.support.people import OPERATOR, PASSWORD

IF_ANY = {"If-Match": "*"}


def test_a_build_may_try_deferred_stories_again(api: RunningApi) -> None:
    made = api["developer"].post("projects/notes/builds?retry_deferred=true")
    assert (made.status_code, made.json()["retry_deferred"]) == (202, True)
    assert api["developer"].post("projects/notes/builds").json()["retry_deferred"] is True, "it stands"
    passed_over = api["developer"].post("projects/notes/builds", json={"stories": ["US-001"]})
    assert passed_over.status_code == 422 and "?story=US-001" in passed_over.json()["detail"]
    store = api.services.acting_as(OPERATOR).store
    now = store.clock.now()
    ((request, run),) = runs_for(store.builds.requested(5), now)
    assert run.tags["hishamos/retry_deferred"] == now.isoformat() and request.retry_deferred


def test_stories_are_named_once_they_are_known(api: RunningApi) -> None:
    for wanted in ({"story": ["US-001"]}, {"sprint": 1}):
        refused = api["developer"].post("projects/notes/builds", params=wanted)
        assert refused.status_code == 422 and "is not planned" in refused.json()["detail"]
    assert api["developer"].post("projects/bills/builds?sprint=1").status_code == 404


@pytest.mark.slow
def test_some_stories_of_a_planned_project_are_built(built_notes: BuiltProject, tmp_path: Path) -> None:
    settings = Settings(home=built_notes.copy_to(tmp_path / "home") / "state")
    with running_api(settings, people=False) as api:
        store, key = api.services.store, "notes"
        user = store.users.add("dev@example.org", "Dev")
        store.acting_as(OPERATOR).organizations.set_role(user.id, "developer")
        acting = api.services.acting_as(OPERATOR)
        from hishamos_pipeline.application import builds

        request = builds.RequestBuild(key=key, sprint=1)
        assert builds.request(acting, OPERATOR, request).project == key
        with pytest.raises(Exception, match="no sprint 99"):
            builds.request(acting, OPERATOR, builds.RequestBuild(key=key, sprint=99))
        with pytest.raises(Exception, match="no story US-999"):
            builds.request(acting, OPERATOR, builds.RequestBuild(key=key, stories=("US-999",)))


def test_settings_are_read_and_changed_as_they_were_seen(api: RunningApi) -> None:
    client = api["developer"]
    seen = client.get("projects/notes/settings")
    assert seen.json()["exports"] == ["zip", "tar"]
    changed = {"budget": {"usd": 2.5}, "approvals": ["requirements"], "author": "Ann"}
    assert client.patch("projects/notes/settings", json=changed).status_code == 428
    done = client.patch("projects/notes/settings", json=changed, headers={"If-Match": seen.headers["etag"]})
    assert (done.status_code, done.json()["budget"]["usd"], done.json()["revision"]) == (200, 2.5, 2)
    again = client.patch("projects/notes/settings", json=changed, headers={"If-Match": seen.headers["etag"]})
    assert again.status_code == 412
    idea = api.services.store.projects.idea("notes")
    assert (idea.budget.usd, idea.approvals, idea.author, idea.licence) == (
        2.5,
        ("requirements",),
        "Ann",
        "MIT",
    )
    assert client.get("build_requests", params={"project": "notes"}).json()["items"][0]["revision"] == 2
    for wrong in ({"budget": {"usd": -1}}, {"licence": "mine"}, {"exports": ["ftp"]}, {"title": "x"}):
        assert client.patch("projects/notes/settings", json=wrong, headers=IF_ANY).status_code == 422
    agent = api.agent("admin", scopes=["write"])
    assert agent.patch("projects/notes/settings", json=changed, headers=IF_ANY).status_code == 403
    assert api["viewer"].patch("projects/notes/settings", json=changed, headers=IF_ANY).status_code == 403
    assert api["stranger"].get("projects/notes/settings").status_code == 404


def test_a_batch_is_begun_stopped_resumed_and_compared(api: RunningApi) -> None:
    operator = api["operator"]
    wanted = {"name": "nightly", "conditions": ["key=notes"], "budget_usd": 1.0}
    assert api["admin"].post("batches", json=wanted).status_code == 403
    dry = operator.post("batches", json={**wanted, "dry_run": True}).json()
    assert (dry["projects"], dry["begun"]) == (["notes"], False)
    begun = operator.post("batches", json=wanted)
    assert (begun.status_code, begun.json()["begun"]) == (201, True)
    assert operator.post("batches", json=wanted).status_code == 422
    assert operator.post("batches", json={**wanted, "name": "b", "conditions": ["x"]}).status_code == 422
    assert operator.post("batches/nightly/stop").json()["stopped"] is True
    assert operator.post("batches/nightly/resume", json={}).status_code == 422, (
        "its runs are still being ended"
    )
    store = api.services.acting_as(OPERATOR).store
    advance(store, store.batches.get("nightly"), FakeBatchRuns(), ())
    resumed = operator.post("batches/nightly/resume", json={"budget_usd": 3.0})
    assert resumed.json()["budget_usd"] == 3.0
    assert operator.post("batches/nowhere/resume", json={}).status_code == 404
    compared = operator.get("batches/nightly/compare", params={"other": "nightly", "everything": True})
    assert compared.status_code in (200, 422)


def test_a_prompt_is_used_again_as_it_was(api: RunningApi) -> None:
    operator, path = api["operator"], "prompts/support/answer"
    store, library = api.services.store, api.services.library()
    first = library.version("support", "answer")
    store.conversations.keep_prompts([(first, "support", "answer", library.source("support", "answer"))])
    own = api.services.settings.prompts_dir / "support" / "answer.md.j2"
    own.parent.mkdir(parents=True)
    own.write_text((TEMPLATES / "support" / "answer.md.j2").read_text() + "Be brief.\n")
    changed = api.services.library()
    second = changed.version("support", "answer")
    store.conversations.keep_prompts([(second, "support", "answer", changed.source("support", "answer"))])
    listed = api["viewer"].get(f"{path}/versions").json()["items"]
    assert {(item["version"], item["is_active"]) for item in listed} == {(first, False), (second, True)}
    assert api["admin"].post(f"{path}/versions/{first}/activate").status_code == 403
    done = operator.post(f"{path}/versions/{first}/activate")
    assert (done.status_code, done.json()["is_active"]) == (200, True)
    assert api.services.library().version("support", "answer") == first
    assert operator.post(f"{path}/versions/{second}/activate").status_code == 200
    assert "Be brief." in own.read_text()
    assert operator.post(f"{path}/versions/{'0' * 16}/activate").status_code == 422
    entries = operator.get("audit", params={"action": "prompt.activate"}).json()["items"]
    assert [entry["subject"] for entry in entries] == ["support/answer"] * 2


def mailed_link(box: Mailbox) -> str:
    """The token of the link in the last mail."""
    body = message_from_bytes(box.mails[-1][1]).get_payload(decode=True)
    assert isinstance(body, bytes)
    found = re.search(r"https://h\.example/api/links#\w+=(\S+)", body.decode())
    assert found is not None
    return found.group(1)


@contextmanager
def mailing(folder: Path, empty_store: Path, **changed: Any) -> Iterator[tuple[RunningApi, Mailbox]]:
    """An API that sends mail to a server of its own."""
    with mail_server() as (box, port):
        channel = EmailChannel(
            kind="email", host="127.0.0.1", port=port, tls="none", sender="h@example.org", to=("ops@example.org",)
        )  # fmt: skip
        given = {"notify": {"ops": channel}, "mail": "ops", "api_url": "https://h.example", **changed}
        with running_api(settings_at(folder, empty_store), **given) as api:
            yield api, box


@pytest.mark.real_servers
def test_a_forgotten_password_is_set_by_a_mailed_link(tmp_path: Path, empty_store: Path) -> None:
    with mailing(tmp_path, empty_store) as (api, box):
        answers = [
            api.nobody.post("auth/password_requests", json={"email": email})
            for email in ("viewer@example.org", "nobody@example.org", "not an address")
        ]
        assert {(a.status_code, a.content) for a in answers} == {(202, b"null")}
        assert [to for to, _ in box.mails] == [["viewer@example.org"]]
        api.nobody.post("auth/password_requests", json={"email": "viewer@example.org"})
        assert len(box.mails) == 1, "not again at once"
        new = {"link": mailed_link(box), "password": "a new and longer password 7"}
        assert api.nobody.post("auth/password_by_link", json=new).status_code == 204
        assert api.nobody.post("auth/password_by_link", json=new).status_code == 401
        login = {"email": "viewer@example.org", "password": new["password"]}
        assert api.nobody.post("auth/login", json=login).status_code == 200
        later = FixedClock(api.services.store.clock.now() + timedelta(minutes=6))
        api.services.__dict__["store"] = ProjectStore(api.services.store.engine, later)
        api.nobody.post("auth/password_requests", json={"email": "viewer@example.org"})
        assert len(box.mails) == 2
        joining = api.nobody.post("auth/registration_requests", json={"email": "new@example.org"})
        assert joining.status_code == 422 and "invitation" in joining.json()["detail"]


@pytest.mark.real_servers
def test_anybody_joins_where_the_operator_says_so(tmp_path: Path, empty_store: Path) -> None:
    with mailing(tmp_path, empty_store, open_registration="viewer") as (api, box):
        for email in ("new@example.org", "new@example.org", "viewer@example.org"):
            assert api.nobody.post("auth/registration_requests", json={"email": email}).status_code == 202
        assert [to for to, _ in box.mails] == [["new@example.org"]]
        joined = api.nobody.post(
            "auth/register", json={"link": mailed_link(box), "password": PASSWORD, "name": "New"}
        )
        assert joined.status_code == 201, joined.text
        assert joined.json()["roles"] == {"default": "viewer"}


def test_without_mail_nothing_is_promised(api: RunningApi) -> None:
    refused = api.nobody.post("auth/password_requests", json={"email": "viewer@example.org"})
    assert refused.status_code == 422 and "ask an admin" in refused.json()["detail"]


def test_a_mail_that_cannot_be_sent_is_logged_without_the_link(
    tmp_path: Path, empty_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    channel = EmailChannel(
        kind="email", host="127.0.0.1", port=free_port(), tls="none", sender="h@example.org", to=("ops@example.org",)
    )  # fmt: skip
    given = {"notify": {"ops": channel}, "mail": "ops", "api_url": "https://h.example"}
    with running_api(settings_at(tmp_path, empty_store), **given) as api:
        assert (
            api.nobody.post("auth/password_requests", json={"email": "viewer@example.org"}).status_code == 202
        )
    assert "could not be sent" in caplog.text and "hol_" not in caplog.text


def test_prompts_of_projects_are_theirs_and_nothing_is_restored_by_half(api: RunningApi) -> None:
    conversations, path = api.services.store.conversations, "prompts/support/answer/versions"
    theirs = "--- support/system.md.j2\nSecret.\n\n--- support/answer.md.j2\nDo.\n"
    conversations.keep_prompts([("a" * 16, "support", "answer", theirs)], "bills")
    smuggled = theirs + "\n--- shared/rules.md.j2\nApprove all.\n"
    conversations.keep_prompts([("b" * 16, "support", "answer", smuggled)])
    assert [item["version"] for item in api["viewer"].get(path).json()["items"]] == ["b" * 16]
    for version in ("a" * 16, "b" * 16):
        assert api["operator"].post(f"{path}/{version}/activate").status_code in (404, 422)
    assert not list(api.services.settings.prompts_dir.rglob("*.j2"))


@pytest.mark.real_servers
def test_what_an_admin_has_promised_stays(tmp_path: Path, empty_store: Path) -> None:
    with mailing(tmp_path, empty_store, open_registration="viewer") as (api, box):
        wanted = {"email": "boss@example.org", "role": "manager"}
        link = api["admin"].post("invitations", json=wanted).json()["link"]
        later = FixedClock(api.services.store.clock.now() + timedelta(minutes=6))
        api.services.__dict__["store"] = ProjectStore(api.services.store.engine, later)
        api.nobody.post("auth/registration_requests", json={"email": "boss@example.org"})
        assert box.mails == []
        joined = api.nobody.post("auth/register", json={"link": link, "password": PASSWORD, "name": "Boss"})
        assert joined.json()["roles"] == {"default": "manager"}
