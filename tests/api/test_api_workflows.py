"""Workflows through the API: published, run by its workers, decided by those who may."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import RunningApi, running_api, settings_at

pytestmark = pytest.mark.slow
GATE = (
    'workflow: gate\nsteps:\n- {id: ask, type: human_approval, with: {approvers: ["role:manager"], '
    "exclude: [initiator]}}\n- {id: after, type: condition, depends_on: [ask], with: {if: true}}\n"
)


def published(api: RunningApi, text: str = GATE) -> str:
    """A workflow that a developer has written and a manager has published."""
    made = api["developer"].post("/workflows", json={"text": text})
    assert made.status_code == 201 and made.json()["status"] == "draft"
    path = f"/workflows/{made.json()['name']}/versions/{made.json()['number']}/publish"
    assert api["developer"].post(path).status_code == 403
    assert api["manager"].post(path).json()["status"] == "published"
    return str(made.json()["name"])


def test_a_run_is_begun_decided_and_ended(api: RunningApi) -> None:
    name = published(api)
    assert api["viewer"].post("/workflows/runs", json={"workflow": name}).status_code == 403
    begun = api["manager"].post("/workflows/runs", json={"workflow": name, "project": "notes"})
    assert begun.status_code == 201 and begun.json()["state"] == "waiting"
    path = begun.headers["Location"].removeprefix("/api/v1")
    assert api["manager"].get("/workflows/inbox").json() == [], "whoever has begun it does not decide it"
    (task,) = api["admin"].get("/workflows/inbox").json()
    decide = f"/workflows/tasks/{task['id']}/decide"
    assert api["developer"].post(decide, json={"decision": "approve"}).status_code == 403
    assert api["manager"].post(decide, json={"decision": "approve"}).status_code == 403
    assert api.agent("admin").post(decide, json={"decision": "approve"}).status_code == 403
    assert api["stranger"].post(decide, json={"decision": "approve"}).status_code == 404
    assert api["stranger"].get(path).status_code == 404
    done = api["admin"].post(decide, json={"decision": "approve", "comment": "Fine."})
    assert done.status_code == 200 and done.json()["decisions"][0]["person"] == "admin@example.org"
    again = api["admin"].post(decide, json={"decision": "reject"})
    assert again.status_code in (409, 412) and "admin@example.org (approve)" in again.text
    assert api["viewer"].get(path).json()["state"] == "succeeded"
    listed = api["viewer"].get("/workflows/runs", params={"project": "notes", "state": "succeeded"}).json()
    assert [run["id"] for run in listed["items"]] == [begun.json()["id"]]


def test_what_is_wrong_with_a_definition_is_told_with_its_fields(api: RunningApi) -> None:
    told = api["developer"].post(
        "/workflows/check", json={"text": "workflow: w\nsteps: [{id: a, type: dely}]"}
    )
    assert told.status_code == 422 and "did you mean 'delay'" in told.text


def test_a_run_is_paused_resumed_cancelled_and_retried(api: RunningApi) -> None:
    name = published(api)
    run = api["developer"].post("/workflows/runs", json={"workflow": name}).json()["id"]

    def do(what: str, body: dict[str, Any] | None = None) -> Any:
        return api["developer"].post(f"/workflows/runs/{run}/{what}", json=body or {}).json()

    assert do("pause")["state"] == "paused" and do("resume")["state"] == "waiting"
    assert (
        do("cancel", {"reason": "later"})["failure"]
        == "the run: cancelled: by user:developer@example.org: later"
    )
    assert do("retry")["state"] == "waiting"
    assert api["developer"].post(f"/workflows/runs/{run}/retry", json={}).status_code == 422


def test_workers_of_the_api_do_steps_at_once(tmp_path: Path, empty_store: Path) -> None:
    notice = "workflow: told\nsteps:\n- {id: a, type: notify, with: {subject: x}}\n"
    with running_api(settings_at(tmp_path, empty_store), agent_workers=1) as api:
        name = published(api, notice)
        run = api["developer"].post("/workflows/runs", json={"workflow": name}).json()["id"]
        until = time.monotonic() + 20
        while (found := api["developer"].get(f"/workflows/runs/{run}").json())["state"] != "succeeded":
            assert time.monotonic() < until, found
            time.sleep(0.05)
