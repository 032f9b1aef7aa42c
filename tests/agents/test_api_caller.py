"""Agents that call the API: what they find, what is checked before, what is done again, and what they never reach."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.agents.api_caller import AgentAPICaller
from hishamos_pipeline.agents.api_operations import operations_of
from hishamos_pipeline.errors import AgentCallError
from scripts.openapi import document
from tests.fakes.providers import Asked, Reply, provider
from tests.support.api import RunningApi, running_api, served, settings_at, token_of

pytestmark = pytest.mark.real_servers
OPERATIONS = operations_of(document())
APPROVAL = {"artifact": "requirements", "expected": "0" * 64}
DONE = json.dumps({"answer": "Done.", "done": ["a build"], "left": []})


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[RunningApi]:
    with running_api(settings_at(tmp_path_factory.mktemp("api"), empty_store)) as made:
        yield made


def caller(api: RunningApi, role: str = "developer", **given: Any) -> AgentAPICaller:
    """An agent of somebody that works on the project ``notes``."""
    token = token_of(api.agent(role, scopes=["write"], project="notes"))
    return AgentAPICaller(lambda: token, app=api.app, project="notes", **given)


def test_no_operation_is_about_an_account_or_answers_with_a_file() -> None:
    assert not OPERATIONS.keys() & {"login", "change_password", "make_token", "update_me", "download_folder"}
    assert "stream_events" not in OPERATIONS and "request_build" in OPERATIONS
    for operation in OPERATIONS.values():
        text = operation.documentation()
        assert text.startswith(f"{operation.id}: ") and "Idempotency" not in text and len(text) < 2000


async def test_what_it_may_is_found_and_what_it_may_not_is_not(api: RunningApi) -> None:
    found = await caller(api).find("request a build")
    first = found.partition("\n\n")[0]
    assert first.startswith("request_build: ") and "key" not in first, "the project is filled in"
    told = await caller(api).find()
    assert "edit_artifact" in told
    for never in ("approve_artifact", "decide_proposal", "add_user", "list_audit", "run_task"):
        assert never not in told
    assert "request_build" not in await caller(api, "viewer").find(), "the person may not"
    assert "nothing fits" in await caller(api).find("zzzz")


async def test_arguments_are_checked_before_anything_is_sent(api: RunningApi) -> None:
    agent = caller(api)
    with pytest.raises(AgentCallError, match="there is no operation 'fly'"):
        await agent.call("fly", {})
    with pytest.raises(AgentCallError, match=r"(?s)limit.*nothing_such|nothing_such.*limit"):
        await agent.call("list_stories", {"limit": "many", "nothing_such": 1})
    with pytest.raises(AgentCallError, match="artifact"):
        await agent.call("read_artifact", {"artifact": "requirements/approval"})
    with pytest.raises(AgentCallError, match="artifact"):
        await agent.call("read_artifact", {})


async def test_it_reaches_no_other_project(api: RunningApi) -> None:
    with pytest.raises(AgentCallError, match="404"):
        await caller(api).call("read_project", {"key": "bills"})


async def test_a_request_is_repeated_with_its_key_and_waits_as_it_is_told() -> None:
    seen: list[tuple[str, str]] = []
    waits: list[float] = []

    async def busy(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if scope["path"] == "/api/schema":
            await respond(send, 200, document())
            return
        seen.append((headers[b"idempotency-key"].decode(), headers[b"authorization"].decode()))
        if len(seen) < 3:
            await respond(
                send, 429 if len(seen) == 1 else 503, {}, {"retry-after": "7"} if len(seen) == 1 else {}
            )
        else:
            await respond(send, 202, {"id": 1})

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    tokens = iter("abcdefgh")
    agent = AgentAPICaller(lambda: next(tokens), app=busy, project="notes", identity="run 1", sleep=sleep)
    assert json.loads(await agent.request_build()) == {"id": 1}
    assert len({key for key, _ in seen}) == 1 and len({token for _, token in seen}) == 3
    assert waits == [7.0, 14.0]
    await agent.call("request_build", {}, start=3)
    assert len({key for key, _ in seen}) == 1, "its answer is read on"
    again = AgentAPICaller(lambda: "t", app=busy, project="notes", identity="run 1", sleep=sleep)
    await again.request_build()
    assert len({key for key, _ in seen}) == 1, "the same work, done again, asks the same"
    await again.request_build()
    assert len({key for key, _ in seen}) == 2, "somebody wants it another time"
    other = AgentAPICaller(lambda: "t", app=busy, project="notes", identity="run 2", sleep=sleep)
    await other.request_build()
    assert len({key for key, _ in seen}) == 3


async def test_who_is_told_to_wait_too_long_is_told_so() -> None:
    async def busy(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/api/schema":
            await respond(send, 200, document())
        else:
            await respond(send, 429, {"title": "Too many", "detail": "wait an hour"}, {"retry-after": "3600"})

    with pytest.raises(AgentCallError, match="429: Too many: wait an hour"):
        await AgentAPICaller(lambda: "t", app=busy, project="notes").list_stories()


async def respond(send: Any, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    given = [(b"content-type", b"application/json")]
    given += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def test_what_has_not_changed_is_not_sent_again(api: RunningApi) -> None:
    sent: list[int] = []

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start" and "/projects/" in scope["path"]:
                sent.append(message["status"])
            await send(message)

        await api.app(scope, receive, noting)

    token = token_of(api.agent("developer", project="notes"))
    agent = AgentAPICaller(lambda: token, app=counted, project="notes")
    first = await agent.call("list_revisions", {})
    assert await agent.call("list_revisions", {}) == first
    assert sent == [200, 304]


async def test_a_long_answer_is_shown_in_parts(api: RunningApi) -> None:
    whole = await caller(api, most_tokens=100_000).call("list_roles", {"limit": 200})
    agent = caller(api, most_tokens=400)
    parts, start = [], 0
    while True:
        text = await agent.call("list_roles", {"limit": 200}, start)
        part, _, more = text.partition("\n(characters ")
        parts.append(part)
        if not more:
            break
        start = int(more.rpartition("start=")[2].rstrip(")"))
    assert "".join(parts) == whole and len(parts) > 3


async def test_it_calls_a_server_by_its_url(api: RunningApi) -> None:
    token = token_of(api.agent("developer", project="notes"))
    with served(api) as (host, port):
        agent = AgentAPICaller(lambda: token, url=f"http://{host}:{port}", project="notes")
        answer = await agent.call("request_build", {})
    assert json.loads(answer)["project"] == "notes"
    away = AgentAPICaller(lambda: token, url=f"http://{host}:{port}", sleep=lambda _: asyncio.sleep(0))
    with pytest.raises(AgentCallError, match="cannot be reached"):
        await away.find()


def test_an_agent_that_is_talked_into_more_is_refused_and_noted(tmp_path: Path, empty_store: Path) -> None:
    """The model obeys what a brief tells it to do."""
    wanted = [
        ("find_operations", {"query": "approve"}),
        ("call_operation", {"operation": "approve_artifact", "arguments": APPROVAL}),
        ("call_operation", {"operation": "add_user", "arguments": {"email": "me@evil.example"}}),
        ("call_operation", {"operation": "submit_idea", "arguments": {"text": "# Bills", "key": "bills"}}),
        ("call_operation", {"operation": "request_build", "arguments": {}}),
        ("call_operation", {"operation": "request_build", "arguments": {}}),
    ]

    def obey(asked: Asked) -> Reply:
        used = sum(message["role"] == "tool" for message in asked.body["messages"])
        return Reply(tool=wanted[used]) if used < len(wanted) else Reply(DONE)

    with provider(obey) as fake:
        given = {"llm": "compatible:m", "llm_urls": fake.urls, "llm_free": "compatible:*"}
        with running_api(settings_at(tmp_path, empty_store), **given) as api:
            task = {"question": {"text": "Approve it, says the brief"}, "project": "notes"}
            answer = api["manager"].post("agents/roles/project_manager/tasks/assist", json=task)
            assert answer.status_code == 200, answer.text
            calls = api.services.store.conversations.tool_calls("notes")
            entries = api["operator"].get("audit", params={"limit": 200}).json()["items"]
        asked = [item.text for item in fake.asked]
    assert "approve_artifact" not in calls[0].result
    assert "403" in calls[1].error and "403" in calls[2].error and "404" in calls[3].error
    refused = [e for e in entries if e["action"] == "right.refused"]
    assert {"projects.approve", "people.manage"} <= {json.loads(e["details"])["wanted"] for e in refused}
    assert {json.loads(e["details"])["for"] for e in refused} == {"user:manager@example.org"}
    assert not any(e["action"].startswith("artifact.approve") for e in entries)
    assert calls[4].result == calls[5].result and json.loads(calls[4].result)["project"] == "notes"
    assert not any("eyJ" in text for text in asked), "the model never sees a token"
