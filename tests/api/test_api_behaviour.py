"""What clients rely on: pages, versions, keys of requests, ideas in three forms, and what a build comes to."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from hishamos_pipeline.api.runs import LazyRuns
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import UsageError
from hishamos_pipeline.operations.cleanup.runs import EndedRun
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock
from tests.support.api import RunningApi, running_api, settings_at
from tests.support.people import OPERATOR, PASSWORD

BRIEF = "# Tasks\n\nKeep tasks.\n\n## Features\n- User can add a task\n"


def pages(client: TestClient, path: str, **query: Any) -> Iterator[list[Any]]:
    """Every page of a list."""
    cursor = ""
    while True:
        found = client.get(path, params={**query, **({"cursor": cursor} if cursor else {})}).json()
        yield found["items"]
        cursor = found["next"]
        if not cursor:
            return


@pytest.fixture
def crowded(api: RunningApi) -> RunningApi:
    """An API with twelve more projects, whose titles are in another order than their keys."""
    store = api.services.acting_as(OPERATOR).store
    for number in range(12):
        store.projects.submit(Idea(key=f"p{number:02}", title=f"{'aB'[number % 2]}{99 - number}%"), "test")
    return api


@pytest.mark.parametrize(
    "sort", ["", "key", "-key", "title", "-title", "updated_at", "-created_at", "cost_usd"]
)
def test_pages_hold_everything_once_and_in_order(crowded: RunningApi, sort: str) -> None:
    found = [item for page in pages(crowded["viewer"], "projects", limit=5, sort=sort) for item in page]
    whole = crowded["viewer"].get("projects", params={"limit": 200, "sort": sort}).json()["items"]
    assert found == whole and len({item["key"] for item in found}) == 13
    if sort.strip("-") in ("", "key", "updated_at"):
        values = [item[sort.strip("-") or "key"] for item in found]
        assert values == sorted(values, reverse=sort.startswith("-"))


def test_what_is_added_meanwhile_moves_no_page(crowded: RunningApi) -> None:
    found = pages(crowded["viewer"], "projects", limit=5)
    first = next(found)
    crowded.services.acting_as(OPERATOR).store.projects.submit(Idea(key="a-first", title="First"), "test")
    rest = [item["key"] for page in found for item in page]
    assert first[0]["key"] == "notes" and rest == [f"p{number:02}" for number in range(4, 12)]


def test_lists_are_searched_and_filtered(crowded: RunningApi) -> None:
    viewer = crowded["viewer"]
    assert len(viewer.get("projects?search=b9").json()["items"]) == 5
    assert viewer.get("projects?search=%25").json()["items"][0]["key"] == "p00", "no wildcard of SQL"
    assert viewer.get("projects?search=_").json()["items"] == []
    assert viewer.get("projects?state=exported").json()["items"] == []
    assert len(viewer.get("projects?state=exported&state=submitted").json()["items"]) == 13
    wrong = viewer.get("projects?state=lost")
    assert wrong.status_code == 422 and "none of submitted, building" in wrong.json()["detail"]
    assert (
        viewer.get("projects?sort=reason").json()["detail"].startswith("sort: 'reason' is none of key, title")
    )


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "e30", base64.urlsafe_b64encode(b'["key","p01","1"]').decode(),
        base64.urlsafe_b64encode(b'["title","p01",1]').decode(),
        base64.urlsafe_b64encode(b'["key",["p01"],1]').decode(),
        base64.urlsafe_b64encode(b'["key","p01",1,2]').decode(),
        base64.urlsafe_b64encode(b'["key","p\\u000001",1]').decode(),
        base64.urlsafe_b64encode(json.dumps(["key", "p01", 10**30]).encode()).decode(),
        base64.urlsafe_b64encode(b"[" * 50_000).decode()[:900],
    ],
)  # fmt: skip
def test_a_cursor_of_another_list_is_none(shared_api: RunningApi, cursor: str) -> None:
    answer = shared_api["viewer"].get("projects", params={"cursor": cursor})
    assert answer.status_code == 422 and answer.json()["detail"].startswith("cursor: ")


def test_pages_of_a_store_follow_every_order(store: ProjectStore) -> None:
    for number in range(7):
        store.projects.submit(Idea(key=f"p{number}", title=f"T{number % 3}"), "test")
    for sort in ("title", "-title", "-updated_at"):
        seen: list[str] = []
        page = store.projects.page(PageQuery(2, sort=sort))
        while True:
            seen += [item.key for item in page.items]
            if not page.next:
                break
            page = store.projects.page(PageQuery(2, page.next, sort))
        assert sorted(seen) == [f"p{number}" for number in range(7)], sort
    with pytest.raises(UsageError, match="cursor"):
        store.projects.page(PageQuery(2, page.next or "none", "title"))


def test_the_same_request_with_the_same_key_is_done_once(api: RunningApi) -> None:
    developer, headers = api["developer"], {"Idempotency-Key": "k1", "Content-Type": "text/markdown"}
    first = developer.post("ideas", content=BRIEF, headers=headers)
    again = developer.post("ideas", content=BRIEF, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert again.headers["location"] == first.headers["location"] == "/api/v1/ideas/tasks"
    other = developer.post("ideas", content=BRIEF + "- User can list tasks\n", headers=headers)
    assert other.status_code == 409 and other.json()["type"].endswith(":idempotency-key-reused")
    elsewhere = developer.post("projects/notes/builds", headers=headers)
    assert elsewhere.status_code == 409
    # Somebody else's key is another one.
    assert "idempotency-replayed" not in api["admin"].post("ideas", content=BRIEF, headers=headers).headers


def test_a_form_is_the_same_request_whatever_its_boundary(api: RunningApi) -> None:
    headers = {"Idempotency-Key": "form"}
    sent = [
        api["developer"].post(
            "ideas",
            files=[("brief", ("b.md", BRIEF.encode())), ("files", ("d.csv", b"a,b\n1,2\n"))],
            headers=headers,
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [201, 201] and "idempotency-replayed" in sent[1].headers


def test_what_has_failed_may_be_tried_again_with_its_key(api: RunningApi) -> None:
    headers = {"Idempotency-Key": "k2"}
    for _ in range(2):
        refused = api["viewer"].post("projects/notes/builds", headers=headers)
        assert refused.status_code == 403
    assert api["admin"].put("members/viewer@example.org", json={"role": "developer"}).status_code == 204
    assert api["viewer"].post("projects/notes/builds", headers=headers).status_code == 202


def test_a_key_that_is_in_use_is_waited_for_and_an_abandoned_one_is_not(
    store: ProjectStore, clock: FixedClock
) -> None:
    keys = store.idempotency_keys
    assert keys.begin("ann", "k", "hash", "first") is None
    clock.advance(timedelta(minutes=4))
    keys.renew("ann", "k", "first")
    clock.advance(timedelta(minutes=4))
    found = keys.begin("ann", "k", "hash", "second")
    assert found is not None and found.status == 0, "it is still being done"
    clock.advance(timedelta(minutes=6))
    assert keys.begin("ann", "k", "hash", "third") is None, "whoever had it has died"
    # What the dead one says after all changes nothing.
    keys.drop("ann", "k", "first")
    keys.end("ann", "k", "first", 200, {}, b"old")
    found = keys.begin("ann", "k", "hash", "fourth")
    assert found is not None and found.status == 0
    keys.end("ann", "k", "third", 201, {}, b"new")
    found = keys.begin("ann", "k", "hash", "fourth")
    assert found is not None and (found.status, found.answer) == (201, b"new")


def test_a_key_gives_no_answer_to_lesser_rights(api: RunningApi) -> None:
    headers = {"Idempotency-Key": "rights"}
    made = api["admin"].post("tokens", json={"name": "reader", "scopes": ["read"]}).json()
    assert api["admin"].post("projects/notes/builds", headers=headers).status_code == 202
    assert api.client(made["token"]).post("projects/notes/builds", headers=headers).status_code == 403


def test_a_page_goes_on_where_what_it_ended_with_is_gone(api: RunningApi) -> None:
    admin = api["admin"]
    for action in ("projects.build", "projects.edit", "agents.run", "ideas.submit"):
        admin.post("grants", json={"email": "viewer@example.org", "action": action})
    first = admin.get("grants?limit=2").json()
    for grant in first["items"]:
        admin.delete(f"grants/{grant['id']}")
    rest = admin.get("grants", params={"limit": 2, "cursor": first["next"]}).json()
    assert [grant["action"] for grant in rest["items"]] == ["agents.run", "ideas.submit"] and rest[
        "next"
    ] == ""
    assert (
        admin.get("grants", params={"cursor": admin.get("members?limit=1").json()["next"]}).status_code == 422
    )


def test_long_titles_in_other_scripts_are_paged(api: RunningApi) -> None:
    store = api.services.acting_as(OPERATOR).store
    for number in range(3):
        store.projects.submit(Idea(key=f"p{number}", title="مشروع" * 39 + str(number)), "test")
    found = [
        item["key"] for page in pages(api["viewer"], "projects", limit=1, sort="-title") for item in page
    ]
    assert sorted(found) == ["notes", "p0", "p1", "p2"]


def test_what_changes_by_itself_is_no_reason_for_412_but_for_a_new_answer(api: RunningApi) -> None:
    admin = api["admin"]
    seen = admin.get("users/developer@example.org").headers["etag"]
    api.nobody.post("auth/login", json={"email": "developer@example.org", "password": PASSWORD})
    again = admin.get("users/developer@example.org", headers={"If-None-Match": seen})
    assert again.status_code == 200 and again.json()["last_login_at"]
    change = {"monthly_tokens": 5}
    assert (
        admin.patch("users/developer@example.org", json=change, headers={"If-Match": seen}).status_code == 200
    )


def test_tags_that_a_proxy_has_made_weak_are_known(api: RunningApi) -> None:
    admin = api["admin"]
    tag = admin.get("organization").headers["etag"]
    assert admin.get("organization", headers={"If-None-Match": f"W/{tag}"}).status_code == 304
    listed = {"If-Match": f'"other", W/{tag}'}
    assert admin.patch("organization", json={"title": "Ours"}, headers=listed).status_code == 200


def test_an_account_is_changed_as_a_whole_or_not_at_all(api: RunningApi) -> None:
    change = {"monthly_tokens": 5, "is_active": False}
    admin = api["admin"]
    assert admin.patch("users/admin@example.org", json=change, headers={"If-Match": "*"}).status_code == 422
    assert admin.get("users/me").json()["monthly_tokens"] == 0


def test_head_is_get_without_the_body_and_405_says_what_there_is(shared_api: RunningApi) -> None:
    viewer = shared_api["viewer"]
    head, whole = viewer.head("projects"), viewer.get("projects")
    assert head.status_code == 200 and head.content == b"" and head.headers["etag"] == whole.headers["etag"]
    refused = viewer.put("projects/notes")
    assert refused.status_code == 405 and refused.headers["allow"] == "DELETE, GET, HEAD"
    assert viewer.head("events").status_code == 405


def test_runs_of_dagster_are_opened_when_they_are_needed(tmp_path: Path) -> None:
    """The API as it is served, without a fake."""
    with running_api(settings_at(tmp_path)) as api:
        api.app.state.runs = LazyRuns(api.services.settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("DAGSTER_HOME", raising=False)
            assert api["operator"].get("metrics").text.startswith("# HELP")
            cancelled = api["developer"].post("projects/notes/cancel")
            assert cancelled.status_code == 200 and cancelled.json()["runs"] == 0
            assert api["manager"].post("projects/notes/archive").status_code == 204
            assert api["admin"].delete("projects/notes?without_export=true").status_code == 200


def test_what_is_told_once_is_not_kept(api: RunningApi) -> None:
    headers = {"Idempotency-Key": "token"}
    made = api["admin"].post("tokens", json={"name": "ci"}, headers=headers)
    again = api["admin"].post("tokens", json={"name": "ci"}, headers=headers)
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    assert again.status_code == 409 and again.json()["type"].endswith(":answer-told-once")
    with api.services.store.read() as session:
        kept = session.connection().exec_driver_sql("SELECT answer FROM idempotency_keys").all()
    assert kept == [(None,)]


def test_a_bad_key_is_refused(shared_api: RunningApi) -> None:
    for key in ("", "x" * 201, "a\x01b"):
        answer = shared_api["developer"].post("projects/notes/builds", headers={"Idempotency-Key": key})
        assert answer.status_code == 422, key


def test_nobody_undoes_what_they_have_not_seen(api: RunningApi) -> None:
    admin = api["admin"]
    seen = admin.get("users/me").headers["etag"]
    assert admin.patch("users/me", json={"name": "Ann"}).status_code == 428
    assert admin.patch("users/me", json={"name": "Ann"}, headers={"If-Match": '"other"'}).status_code == 412
    done = admin.patch("users/me", json={"name": "Ann"}, headers={"If-Match": seen})
    assert done.status_code == 200 and done.headers["etag"] != seen
    stale = admin.patch("users/me", json={"name": "Bea"}, headers={"If-Match": seen})
    assert stale.status_code == 412 and stale.json()["type"].endswith(":changed-meanwhile")
    assert admin.get("users/me").json()["name"] == "Ann"
    for path, body in (
        ("organization", {"title": "Ours"}),
        ("users/viewer@example.org", {"monthly_tokens": 5}),
    ):
        tag = admin.get(path).headers["etag"]
        assert admin.patch(path, json=body).status_code == 428
        assert admin.patch(path, json=body, headers={"If-Match": tag}).status_code == 200
        assert admin.patch(path, json=body, headers={"If-Match": tag}).status_code == 412


def test_what_has_not_changed_is_not_sent_again(shared_api: RunningApi) -> None:
    first = shared_api["viewer"].get("projects")
    again = shared_api["viewer"].get("projects", headers={"If-None-Match": first.headers["etag"]})
    assert (
        again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
    )
    assert first.headers["cache-control"] == "private, no-cache"


def test_ideas_come_as_json_markdown_and_forms(api: RunningApi) -> None:
    developer = api["developer"]
    given = {"text": BRIEF, "key": "as-json", "files": {"data.csv": {"text": "a,b\n1,2\n"}}}
    as_json = developer.post("ideas", json=given)
    assert as_json.json() == {
        "key": "as-json",
        "revision": 1,
        "changed": True,
        "files": ["data.csv"],
        "notes": [],
    }
    assert developer.post("ideas", json=given).status_code == 200, "nothing is different"
    packed = base64.b64encode("größe\n".encode()).decode()
    more = developer.post(
        "ideas", json={"text": BRIEF, "key": "as-json", "files": {"g.txt": {"base64": packed}}}
    )
    assert more.json()["files"] == ["g.txt"] and more.json()["revision"] == 2
    as_text = developer.post("ideas", content=BRIEF, headers={"Content-Type": "text/markdown; charset=utf-8"})
    assert as_text.json()["key"] == "tasks"
    form = developer.post(
        "ideas",
        data={"key": "as-form"},
        files=[
            ("brief", ("b.yaml", b"title: Zoo\nfeatures:\n- User can add an animal\n")),
            ("files", ("x.txt", b"x")),
        ],
    )
    assert form.json() == {"key": "as-form", "revision": 1, "changed": True, "files": ["x.txt"], "notes": []}
    shown = developer.get("ideas/as-form").json()
    assert shown["idea"]["features"] == ["User can add an animal"] and shown["revision"] == 1
    listed = developer.get("ideas?search=as-").json()["items"]
    assert [idea["key"] for idea in listed] == ["as-form", "as-json"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"", "text/markdown", 422, "brief"),
        (b"\xff\xfe#", "text/markdown", 422, "UTF-8"),
        (b"{", "application/json", 422, "JSON"),
        (b"[]", "application/json", 422, "object"),
        (b'{"text": "# T", "key": "../etc"}', "application/json", 422, "key"),
        (b'{"text": "# T", "files": {"../x": {"text": "x"}}}', "application/json", 422, "x"),
        (b'{"text": "# T", "files": {"x": {"base64": "!"}}}', "application/json", 422, "base64"),
        (b'{"text": "# T", "files": {"x": {}}}', "application/json", 422, "neither"),
        (b'{"text": "a\\u0000b"}', "application/json", 422, "NUL"),
        (b"x", "text/plain", 415, "send application/json"),
        (b"x", "", 415, "send application/json"),
        (b"x", "multipart/form-data", 400, "boundary"),
        (b"--b\r\n", "multipart/form-data; boundary=b", 422, "form"),
    ],
)
def test_a_bad_idea_is_refused_with_what_is_wrong(
    shared_api: RunningApi, content: bytes, kind: str, status: int, said: str
) -> None:
    answer = shared_api["developer"].post("ideas", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status and said in answer.text


def test_a_build_is_asked_for_seen_and_cancelled(api: RunningApi) -> None:
    developer = api["developer"]
    asked = developer.post("projects/notes/builds")
    assert asked.status_code == 202
    request = developer.get(asked.headers["location"].removeprefix("/api/v1/")).json()
    assert request["status"] == "requested" and request["via"] in ("api", "command line")
    assert developer.post("projects/notes/builds").json()["id"] == request["id"], (
        "an open request stands for it"
    )
    api.runs.working.add("notes")
    cancelled = developer.post("projects/notes/cancel").json()
    assert (cancelled["requests"], cancelled["runs"]) == (1, 1)
    listed = developer.get("build_requests?project=notes&status=cancelled").json()["items"]
    assert [item["id"] for item in listed] == [request["id"]]
    assert developer.get("build_requests?status=lost").status_code == 422
    assert api["manager"].post("projects/notes/archive").status_code == 204
    assert api["admin"].delete("projects/notes?without_export=true").json()["key"] == "notes"
    assert developer.get("projects/notes").status_code == 404


def test_many_archives_are_one_stream(tmp_path_factory: pytest.TempPathFactory) -> None:
    import tarfile

    from hishamos_pipeline.application import exports
    from hishamos_pipeline.application.exports import ArchiveFile

    folder = tmp_path_factory.mktemp("archives")
    contents = {"a": b"x" * 70_000, "b": b"y"}
    for key, content in contents.items():
        (folder / f"{key}.zip").write_bytes(content)

    def found(_services: Any, _actor: Any, key: str, _archive: str) -> ArchiveFile:
        path = folder / f"{key}.zip"
        return ArchiveFile(path=path, name=path.name, sha256="0" * 64)

    with pytest.MonkeyPatch.context() as patch, running_api(settings_at(folder)) as api:
        patch.setattr(exports, "archive_file", found)
        answer = api["viewer"].get("archives?project=a&project=b&project=a")
        assert answer.headers["content-type"] == "application/octet-stream"
        with tarfile.open(fileobj=BytesIO(answer.content)) as packed:
            assert {m.name: packed.extractfile(m).read() for m in packed} == {  # type: ignore[union-attr]
                f"{key}.zip": content for key, content in contents.items()
            }
    with running_api(settings_at(folder / "none")) as api:
        assert api["viewer"].get("archives?project=notes").status_code == 404
        assert api["viewer"].get("archives").status_code == 422


def test_calls_of_models_are_read_one_by_one(api: RunningApi) -> None:
    from hishamos_pipeline.store.calls.tables import LlmBodyRow, LlmCallRow

    now = api.services.store.clock.now()
    with api.services.store._sessions.write() as session:
        for number, (project, asked_by) in enumerate(
            [
                ("notes", "user:admin@example.org"),
                ("bills", "user:stranger@example.org"),
                ("", "user:viewer@example.org"),
            ]
        ):
            session.add(
                LlmCallRow(
                    id=number + 1, project=project, role="coding", task="module", asked_by=asked_by, provider="ollama",
                    model="m", prompt_version="v", request_hash="h", outcome="ok", lease_until=now, started_at=now,
                )
            )  # fmt: skip
        session.flush()
        session.add(LlmBodyRow(call_id=1, request='{"q": 1}', response='{"a": 2}'))
    listed = api["viewer"].get("agents/executions").json()["items"]
    assert [(item["id"], item["project"]) for item in listed] == [(3, ""), (1, "notes")]
    assert [item["id"] for item in api["admin"].get("agents/executions").json()["items"]] == [1]
    assert api["viewer"].get("agents/executions/1").json()["response"] == '{"a": 2}'
    assert api["viewer"].get("agents/executions/3").json()["request"] == ""
    assert api["viewer"].get("agents/executions/2").status_code == 404
    assert api["stranger"].get("agents/executions/1").status_code == 404
    assert api["viewer"].get("agents/executions?outcome=lost&role=coding").json()["items"] == []
    wrong = api["viewer"].get("agents/executions?outcome=gone").json()
    assert wrong["errors"][0]["field"] == "outcome"


def test_runs_are_those_of_ones_own_projects(api: RunningApi) -> None:
    now = api.services.store.clock.now()
    for number, project in enumerate(["notes", "bills", "notes"]):
        api.runs.runs.append(
            EndedRun(f"run-{number}", project, frozenset({"idea"}), True, now + timedelta(seconds=number))
        )
    found = [item["id"] for page in pages(api["viewer"], "projects/notes/runs", limit=1) for item in page]
    assert found == ["run-2", "run-0"]
    assert api["viewer"].get("runs/run-0").json()["project"] == "notes"
    nowhere, theirs = api["viewer"].get("runs/run-9"), api["viewer"].get("runs/run-1")
    assert nowhere.status_code == theirs.status_code == 404
    assert nowhere.text.replace("run-9", "R") == theirs.text.replace("run-1", "R")
