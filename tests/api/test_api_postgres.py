"""The API on PostgreSQL: every list and every reading answers, tasks are done once, and pages hold everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from scripts.openapi import document
from tests.fakes.postgres import PostgresServer
from tests.support.api import RunningApi, claimed_by_many, running_api, settings_at
from tests.support.people import OPERATOR

# They never end, ask a provider, or need a run of Dagster.
_LEFT_OUT = {"stream_events", "list_models", "read_metrics"}
READING = [
    (path.removeprefix("/api/v1/"), operation["operationId"])
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if method == "get" and operation["operationId"] not in _LEFT_OUT
]
_NAMES = {"key": "notes", "email": "viewer@example.org", "role": "support", "task": "answer", "artifact": "idea",
          "provider": "openai", "name": "x", "number": "1", "path": "README.md", "run": "x"}  # fmt: skip


@pytest.fixture(scope="module")
def api(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API over PostgreSQL."""
    from hishamos_pipeline.store import database

    url = postgres.new_database()
    engine = database.open_engine(url)
    database.upgrade(engine)
    engine.dispose()
    with running_api(settings_at(tmp_path_factory.mktemp("api")), database_url=url) as made:
        yield made


def test_everything_can_be_read(api: RunningApi) -> None:
    for path, name in READING:
        filled = path
        for part in [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]:
            filled = filled.replace(
                next(p for p in path.split("/") if p[1:].startswith(part)), _NAMES.get(part, "1")
            )
        query = {"other": "x", "from": "1", "to": "1", "before": "1", "after": "0", "link": "x"}
        answer = api["operator"].get(filled, params=query, follow_redirects=False)
        assert answer.status_code < 500, (name, answer.text)


def test_pages_hold_everything_once(api: RunningApi) -> None:
    store = api.services.acting_as(OPERATOR).store
    for number in range(7):
        store.projects.submit(Idea(key=f"p{number}", title=f"{'aB'[number % 2]}{number}"), "test")
    for sort in ("key", "-title", "updated_at"):
        found, cursor = list[str](), ""
        while True:
            query = {"limit": 3, "sort": sort, **({"cursor": cursor} if cursor else {})}
            page = api["viewer"].get("projects", params=query).json()
            found += [item["key"] for item in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        assert len(found) == len(set(found)) == 8


def test_a_task_is_claimed_by_one_of_many(api: RunningApi) -> None:
    client, numbers = api["developer"], set[int]()
    for number in range(12):
        asked = {
            "role": "support",
            "task": "answer",
            "question": {"text": f"q{number}"},
            "priority": number % 3,
        }
        made = client.post("agents/tasks", json=asked).json()["id"]
        assert client.post(f"agents/tasks/{made}/execute").status_code == 202
        numbers.add(made)
    assert sorted(claimed_by_many(api, 6)) == sorted(numbers)


def test_settings_and_providers_are_changed_as_they_were_seen(api: RunningApi, tmp_path: Path) -> None:
    seen = api["developer"].get("projects/notes/settings").headers["etag"]
    change = {"author": "Ann"}
    done = [
        api["developer"].patch("projects/notes/settings", json=change, headers={"If-Match": seen}).status_code
        for _ in range(2)
    ]
    assert done == [200, 412]
    made = {"name": "ours", "wire": "openai-chat", "url": "http://127.0.0.1:9/v1"}
    assert api["operator"].post("providers", json=made).status_code == 201
    off = api["operator"].patch("providers/ours", json={"is_enabled": False}, headers={"If-Match": "*"})
    assert off.json()["is_enabled"] is False
    assert api["operator"].delete("providers/ours").status_code == 204
