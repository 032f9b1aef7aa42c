"""Event streams on a real server: what has happened, to those who may see it, for as long as they may."""

import gc
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from hishamos_pipeline.api import streams
from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.idea import Idea
from tests.support.api import RunningApi, served, token_of
from tests.support.people import OPERATOR

Url = str


@dataclass
class Followed:
    """A stream that is read by a thread: its events, as they come, and whether it has ended."""

    status: int
    events: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)
    comments: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def next(self, seconds: float = 20.0) -> dict[str, Any]:
        return self.events.get(timeout=seconds)


@contextmanager
def following(url: Url, token: str, query: str = "", last: int | None = None) -> Iterator[Followed]:
    headers = {
        "Authorization": f"Bearer {token}",
        **({"Last-Event-ID": str(last)} if last is not None else {}),
    }
    response = requests.get(f"{url}/events{query}", headers=headers, stream=True, timeout=20)
    made = Followed(response.status_code)
    begun = threading.Event()

    def read() -> None:
        name = ""
        try:
            for line in response.iter_lines(chunk_size=1):
                text = line.decode()
                if text.startswith(":"):
                    made.comments += 1
                    begun.set()
                elif text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    made.events.put({"event": name, **json.loads(text.removeprefix("data: "))})
        except (requests.RequestException, AttributeError, ValueError):
            pass  # the test has closed it
        made.ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    if made.status == 200:
        assert begun.wait(10)
    try:
        yield made
    finally:
        response.close()
        thread.join(timeout=5)


@pytest.fixture
def url(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Url]:
    """The API on a real server."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.2)
    with served(api) as (host, port):
        yield f"http://{host}:{port}/api/v1"


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it has not come about"
        time.sleep(0.05)


def submit(api: RunningApi, key: str, organization: str = "default") -> None:
    from dataclasses import replace

    by = api.services.acting_as(replace(OPERATOR, organization=organization))
    by.store.projects.submit(Idea(key=key, title=key), "test")


def test_events_come_to_those_who_may_see_them(api: RunningApi, url: Url) -> None:
    with following(url, token_of(api["viewer"])) as own, following(url, token_of(api["stranger"])) as others:
        submit(api, "zoo")
        found = [own.next(), own.next()]
        assert [(event["event"], event["project"]) for event in found] == [
            ("build.requested", "zoo"), ("idea.submitted", "zoo"),
        ]  # fmt: skip
        submit(api, "theirs", "acme")
        assert others.next()["project"] == "theirs"
        assert own.events.empty()


def test_filters_and_going_on_after_a_break(api: RunningApi, url: Url) -> None:
    before = api["viewer"].get("event_log").json()
    with following(url, token_of(api["viewer"]), "?project=notes&kind=idea.submitted", last=0) as stream:
        event = stream.next()
        assert (event["event"], event["project"]) == ("idea.submitted", "notes")
        submit(api, "zoo")
        submit_again(api, "notes")
        assert stream.next()["project"] == "notes"
    with following(url, token_of(api["viewer"]), last=before[-1]["id"]) as stream:
        caught_up = [stream.next() for _ in range(3)]
        ids = [event["id"] for event in caught_up]
        assert ids == sorted(ids) and ids[0] > before[-1]["id"]


def submit_again(api: RunningApi, key: str) -> None:
    api.services.acting_as(OPERATOR).store.projects.submit(Idea(key=key, title=f"{key} again"), "test")


def test_a_stream_ends_with_the_right_to_read(api: RunningApi, url: Url) -> None:
    with following(url, token_of(api["viewer"])) as stream:
        until(lambda: stream.comments >= 3)
        assert not stream.ended.is_set()
        assert api["admin"].delete("members/viewer@example.org").status_code == 204
        assert stream.next()["event"] == "end" and stream.ended.wait(20)
    with following(url, token_of(api["viewer"])) as stream:
        assert stream.status == 401


def test_a_store_that_fails_for_a_moment_ends_no_stream_and_loses_no_event(
    api: RunningApi, url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, failing = streams.events.feed, threading.Event()

    def broken(*given: Any) -> Any:
        if failing.is_set():
            raise RuntimeError("the pool is exhausted")
        return feed(*given)

    monkeypatch.setattr(streams.events, "feed", broken)
    with following(url, token_of(api["viewer"]), "?kind=idea.submitted") as stream:
        failing.set()
        submit(api, "zoo")
        time.sleep(0.5)
        with following(url, token_of(api["viewer"])):  # another one begins nothing anew
            failing.clear()
            assert stream.next()["project"] == "zoo" and not stream.ended.is_set()


def test_many_streams_at_once_are_many(api: RunningApi) -> None:
    hub = streams.EventHub(api.services, 2)
    actor = Actor("viewer@example.org", role="viewer", user_id=1)

    async def still_allowed() -> None: ...

    def follow() -> Any:
        return hub.follow(api.services, actor, still_allowed, project="", kinds=frozenset(), after=None)

    first, second = follow(), follow()
    with pytest.raises(ApiError, match="2 streams are open"):
        follow()
    del first  # it was never read
    gc.collect()
    assert follow() is not second


def test_nobody_follows_what_is_not_theirs(api: RunningApi, url: Url) -> None:
    for token, query, status in [
        (token_of(api["stranger"]), "?project=notes", 404),
        (token_of(api["viewer"]), "?project=nowhere", 404),
        (token_of(api["viewer"]), "?colour=red", 422),
        ("hos_" + "A" * 43, "", 401),
    ]:
        with following(url, token, query) as stream:
            assert stream.status == status, query


def test_a_client_that_reads_too_slowly_is_ended_and_goes_on_later(api: RunningApi) -> None:
    client = streams._Client("default", "", frozenset())
    event = streams.EventView.model_validate(
        {"id": 1, "at": "2026-03-02T09:30:00Z", "project": "notes", "kind": "build.started", "subject": "",
         "payload": {}, "actor": ""}
    )  # fmt: skip
    for _ in range(streams._QUEUED + 5):
        streams._hand(client, event)
    handed = [client.queue.get_nowait() for _ in range(client.queue.qsize())]
    assert handed[-1] is None and len(handed) <= streams._QUEUED


def test_only_so_many_streams_are_open(api: RunningApi, url: Url) -> None:
    api.app.state.events._most = 2
    token = token_of(api["viewer"])
    with following(url, token), following(url, token), following(url, token) as third:
        assert third.status == 503

    def opens() -> bool:
        with following(url, token) as again:
            return again.status == 200

    until(opens)  # whoever has gone is noticed when something is sent to them


def test_browsers_are_known_by_their_cookie(api: RunningApi, url: Url) -> None:
    """EventSource sends no header of its own."""
    from hishamos_pipeline.api.caller import COOKIE
    from tests.support.people import PASSWORD

    opened = requests.post(
        f"{url}/auth/sessions", json={"email": "viewer@example.org", "password": PASSWORD}, timeout=20
    )
    session = opened.cookies[COOKIE]
    answer = requests.get(f"{url}/events", headers={"Cookie": f"{COOKIE}={session}"}, stream=True, timeout=20)
    assert answer.status_code == 200 and next(answer.iter_lines(chunk_size=1)) == b": following"
    answer.close()
