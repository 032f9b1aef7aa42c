"""Tasks that agents do in the background, and conversations with them."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from hishamos_pipeline.application.agent_tasks import do_next_task
from hishamos_pipeline.errors import StoreAwayError
from hishamos_pipeline.store.agent_tasks.records import TaskEnd
from hishamos_pipeline.store.agent_tasks.repository import LOST_AFTER, MOST_ATTEMPTS
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock
from tests.fakes.providers import FakeProvider, Reply, provider, script
from tests.support.api import RunningApi, claimed_by_many, running_api, settings_at
from tests.support.people import OPERATOR

pytestmark = pytest.mark.real_servers
ANSWER = Reply(json.dumps({"answer": "Use add.", "sources": [], "escalate": False}))
ASKED = {"role": "support", "task": "answer", "question": {"text": "How do I add a book?"}}


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """The model's provider."""
    with provider(script(ANSWER)) as made:
        yield made


@pytest.fixture
def api(tmp_path: Path, empty_store: Path, fake: FakeProvider) -> Iterator[RunningApi]:
    """An API that asks a model; tasks are done when a test says so."""
    given = {"llm": "compatible:m", "llm_urls": fake.urls, "llm_free": "compatible:*", "llm_retries": 0}
    with running_api(settings_at(tmp_path, empty_store), **given) as made:
        yield made


def created(client: TestClient, **changed: Any) -> int:
    made = client.post("agents/tasks", json={**ASKED, **changed})
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def asked_for(client: TestClient, **changed: Any) -> int:
    number = created(client, **changed)
    assert client.post(f"agents/tasks/{number}/execute").status_code == 202
    return number


def state(client: TestClient, number: int) -> str:
    return str(client.get(f"agents/tasks/{number}").json()["status"])


def work(api: RunningApi) -> bool:
    return asyncio.run(do_next_task(api.services, beat_seconds=0.05))


def test_a_task_is_written_down_asked_for_and_done(api: RunningApi, fake: FakeProvider) -> None:
    client = api["developer"]
    number = created(client, project="notes")
    assert (state(client, number), work(api), len(fake.asked)) == ("created", False, 0)
    asked = client.post(f"agents/tasks/{number}/execute")
    assert (asked.json()["status"], asked.headers["location"]) == (
        "requested",
        f"/api/v1/agents/tasks/{number}",
    )
    assert client.post(f"agents/tasks/{number}/execute").status_code == 422
    assert work(api)
    found = client.get(f"agents/tasks/{number}").json()
    assert (found["status"], found["answer"]["answer"], found["model"]) == (
        "completed",
        "Use add.",
        "compatible:m",
    )
    assert (found["input_tokens"], found["output_tokens"], found["question"]) == (100, 20, ASKED["question"])
    assert found["started_at"] and found["ended_at"]
    listed = (
        api["viewer"].get("agents/tasks", params={"project": "notes", "status": "completed"}).json()["items"]
    )
    assert [item["id"] for item in listed] == [number]
    (call,) = api["developer"].get("agents/executions").json()["items"]
    assert call["asked_by"] == "user:developer@example.org"


def test_a_task_that_cannot_be_is_refused_at_once(api: RunningApi) -> None:
    for changed in (
        {"role": "baker"}, {"task": "bake"}, {"question": {}}, {"project": "bills"}, {"priority": 101}, {"parent": 99},
        {"task": "answer", "role": "qa"}, {"role": "qa", "task": "test_plan", "conversation": "c"},
    ):  # fmt: skip
        refused = api["developer"].post("agents/tasks", json={**ASKED, **changed})
        assert refused.status_code in (404, 422), (changed, refused.text)
    assert api["developer"].get("agents/tasks").json()["items"] == []


def test_priority_and_families(api: RunningApi, fake: FakeProvider) -> None:
    client = api["developer"]
    parent = created(client)
    child = asked_for(client, parent=parent, priority=100, question={"text": "Q-child"})
    late = asked_for(client, question={"text": "Q-late"})
    urgent = asked_for(client, priority=5, question={"text": "Q-urgent"})
    client.post(f"agents/tasks/{parent}/execute")
    while work(api):
        pass
    order = [
        next(w for w in ("Q-child", "Q-late", "Q-urgent", "book") if w in asked.last) for asked in fake.asked
    ]
    assert order == ["Q-urgent", "book", "Q-child", "Q-late"]
    assert [c["id"] for c in client.get(f"agents/tasks/{parent}").json()["children"]] == [child]
    listed = client.get("agents/tasks", params={"parent": parent}).json()["items"]
    assert [item["id"] for item in listed] == [child]
    assert {state(client, number) for number in (parent, child, late, urgent)} == {"completed"}


def test_what_waits_for_a_failure_is_cancelled_and_may_be_asked_for_again(
    api: RunningApi, fake: FakeProvider
) -> None:
    client = api["developer"]
    fake.answer = script(Reply(status=400, error="no"))
    parent = asked_for(client)
    child = asked_for(client, parent=parent)
    grandchild = asked_for(client, parent=child)
    assert work(api) and not work(api)
    assert [state(client, n) for n in (parent, child, grandchild)] == ["failed", "cancelled", "cancelled"]
    assert "refused the request" in client.get(f"agents/tasks/{parent}").json()["error"]
    assert client.post(f"agents/tasks/{child}/execute").status_code == 422
    fake.answer = script(ANSWER)
    assert client.post(f"agents/tasks/{parent}/execute").status_code == 202
    assert work(api)
    assert client.post(f"agents/tasks/{child}/execute").status_code == 202
    assert work(api)
    assert [state(client, n) for n in (parent, child)] == ["completed", "completed"]


def test_one_that_is_done_is_stopped(api: RunningApi, fake: FakeProvider) -> None:
    client = api["developer"]
    fake.answer = script(Reply(ANSWER.text, delay=20))
    number = asked_for(client)
    child = asked_for(client, parent=number)
    worker = threading.Thread(target=work, args=(api,))
    worker.start()
    while not fake.asked:
        time.sleep(0.02)
    began = time.monotonic()
    assert client.post(f"agents/tasks/{number}/cancel").status_code == 202
    worker.join(15)
    assert time.monotonic() - began < 10
    assert [state(client, n) for n in (number, child)] == ["cancelled", "cancelled"]
    waiting = asked_for(client)
    assert client.post(f"agents/tasks/{waiting}/cancel").json()["status"] == "cancelled"
    assert not work(api)


def test_rights_are_those_of_the_moment(api: RunningApi, fake: FakeProvider) -> None:
    mine = created(api["developer"], project="notes")
    alone = created(api["developer"])
    assert api["viewer"].post(f"agents/tasks/{mine}/execute").status_code == 403
    assert api["viewer"].post("agents/tasks", json=ASKED).status_code == 403
    for client in (api["stranger"], api["manager"]):
        for verb in ("execute", "cancel"):
            assert client.post(f"agents/tasks/{alone}/{verb}").status_code == 404
        assert client.get(f"agents/tasks/{alone}").status_code == 404
    assert api["stranger"].get(f"agents/tasks/{mine}").status_code == 404
    assert api["stranger"].get("agents/tasks").json()["items"] == []
    for client in (api.agent("developer"), api.agent("admin")):
        assert client.post(f"agents/tasks/{mine}/execute").status_code == 403
    assert api["developer"].post(f"agents/tasks/{mine}/execute").status_code == 202
    acting = api.services.acting_as(OPERATOR).store
    user = acting.users.named("developer@example.org")
    assert user is not None
    acting.organizations.set_role(user.id, "viewer")
    assert work(api)
    found = api["viewer"].get(f"agents/tasks/{mine}").json()
    assert found["status"] == "failed" and "agents.run" in found["error"]
    assert not fake.asked


def test_a_task_that_its_process_left_is_taken_up_and_given_up_at_last(
    api: RunningApi, fake: FakeProvider
) -> None:
    clock = FixedClock(api.services.store.clock.now())
    tasks = ProjectStore(api.services.store.engine, clock).agent_tasks
    number = asked_for(api["developer"])
    first = tasks.claim()
    assert first is not None and first.organization == "default" and tasks.claim() is None
    assert tasks.beat(first.task)
    clock.advance(LOST_AFTER + timedelta(seconds=1))
    again = tasks.claim()
    assert again is not None and again.task.attempt == 2
    assert not tasks.beat(first.task) and tasks.beat(again.task)
    assert not tasks.end(first.task, TaskEnd("completed")) and state(api["developer"], number) == "running"
    for _ in range(MOST_ATTEMPTS - 2):
        clock.advance(LOST_AFTER + timedelta(seconds=1))
        assert tasks.claim() is not None
    clock.advance(LOST_AFTER + timedelta(seconds=1))
    assert tasks.claim() is None
    assert "has died 3 times" in api["developer"].get(f"agents/tasks/{number}").json()["error"]
    assert tasks.outdated(clock.now() + timedelta(days=1)) == 1
    assert tasks.remove(clock.now() + timedelta(days=1)) == 1


def test_two_workers_never_do_the_same(api: RunningApi, fake: FakeProvider) -> None:
    numbers = {asked_for(api["developer"], question={"text": f"question {n}"}) for n in range(8)}
    assert sorted(claimed_by_many(api, 4)) == sorted(numbers)


def test_the_workers_of_the_api_do_them(tmp_path: Path, empty_store: Path, fake: FakeProvider) -> None:
    given = {"llm": "compatible:m", "llm_urls": fake.urls, "llm_free": "compatible:*", "agent_workers": 2}
    with running_api(settings_at(tmp_path, empty_store), **given) as api:
        numbers = [asked_for(api["developer"], question={"text": f"question {n}"}) for n in range(3)]
        until = time.monotonic() + 20
        while {state(api["developer"], n) for n in numbers} != {"completed"}:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_conversation_is_begun_read_continued_and_forgotten(api: RunningApi, fake: FakeProvider) -> None:
    client = api["developer"]
    first = {"question": {"text": "First question"}, "conversation": "c1", "project": "notes"}
    assert client.post("agents/roles/support/tasks/answer", json=first).status_code == 200
    (listed,) = client.get("agents/conversations", params={"project": "notes"}).json()["items"]
    assert (listed["name"], listed["role"], listed["turns"]) == ("c1", "support", 1)
    path = f"agents/conversations/{listed['id']}"
    answered = client.post(f"{path}/turns", json={"question": {"text": "Second question"}})
    assert answered.json()["answer"]["answer"] == "Use add."
    assert "First question" in fake.asked[1].text
    said = client.get(path).json()["said"]
    assert [item["by"] for item in said] == ["person", "role", "person", "role"]
    assert "Second question" in said[2]["text"] and json.loads(said[3]["text"])["answer"] == "Use add."
    for other in (api["manager"], api["stranger"], api["operator"]):
        assert other.get("agents/conversations").json()["items"] == []
        assert other.get(path).status_code == 404
        assert other.post(f"{path}/turns", json={"question": {"text": "x"}}).status_code in (403, 404)
        assert other.delete(path).status_code in (403, 404)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_a_beat_that_fails_is_followed_by_others(
    api: RunningApi, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, tasks = api["developer"], api.services.store.agent_tasks
    fake.answer = script(Reply(ANSWER.text, delay=20))
    number, beats = asked_for(client), list[int]()
    beat = tasks.beat

    def away_once(task: Any) -> bool:
        beats.append(task.id)
        if len(beats) == 1:
            raise StoreAwayError("the store is away")
        return beat(task)

    monkeypatch.setattr(tasks, "beat", away_once)
    worker = threading.Thread(target=work, args=(api,))
    worker.start()
    while len(beats) < 3:
        time.sleep(0.02)
    client.post(f"agents/tasks/{number}/cancel")
    worker.join(15)
    assert not worker.is_alive() and state(client, number) == "cancelled"


def test_families_are_removed_leaves_first(api: RunningApi) -> None:
    client = api["developer"]
    parent = asked_for(client)
    assert work(api)
    child = asked_for(client, parent=parent)
    tasks, later = api.services.store.agent_tasks, api.services.store.clock.now() + timedelta(days=1)
    assert (tasks.remove(later), state(client, child)) == (0, "requested")
    assert work(api)
    assert [tasks.remove(later), tasks.remove(later), tasks.remove(later)] == [1, 1, 0]


def test_a_task_ends_with_the_login_that_asked_for_it(api: RunningApi, fake: FakeProvider) -> None:
    number = asked_for(api["developer"])
    assert api["developer"].post("auth/logout_everywhere").status_code == 204
    time.sleep(1.1)
    assert work(api)
    found = api.services.acting_as(OPERATOR).store.agent_tasks
    rows = [row for row in found.page(PageQuery(10)).items if row.id == number]
    assert not fake.asked and all(row.status == "failed" for row in rows)
