"""Rights at the API's door: every operation, walked role by role, in one's own organization and in others."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from hishamos_pipeline.accounts.policy import NEVER_BY_AGENTS
from hishamos_pipeline.application import rights
from hishamos_pipeline.core.roles import ROLES
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.store.audit.records import AuditEntry
from hishamos_pipeline.store.pages import PageQuery
from tests.accounts.test_policy import EXPECTED
from tests.support.api import RunningApi
from tests.support.operations import OPERATIONS, Operation

# Everybody does these with what is their own, and nothing else.
ABOUT_ONESELF = {
    "read_me", "update_me", "list_sessions", "logout_everywhere", "change_password", "begin_second_factor",
    "confirm_second_factor", "remove_second_factor", "list_tokens", "make_token", "end_token", "list_rights",
}  # fmt: skip
KNOWN = [o for o in OPERATIONS if o.known]
BRIEF = "---\nkey: {key}\n---\n# The {key}\n\n## Features\n\n- As a user, I want to add a plant.\n"
CHECKED = [o for o in KNOWN if o.name not in ABOUT_ONESELF]
ABOUT_PROJECTS = [(o, place) for o in CHECKED for place in o.about]


class AllowedError(HishamosError):
    """The policy has allowed it, and nothing more is done."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The actions that the policy was asked about; what it allows is not done."""
    actions: list[str] = []
    require = rights.require

    def noting(services: Any, actor: Any, action: str, key: str = "") -> None:
        actions.append(action)
        require(services, actor, action, key)
        raise AllowedError

    monkeypatch.setattr(rights, "require", noting)
    return actions


def sent(client: TestClient, operation: Operation, *, key: str = "notes") -> Any:
    """A request for an operation, about a project."""
    body = {**operation.body, "project": key} if "body" in operation.about else operation.body
    queries = {**operation.queries, **({"project": key} if "query" in operation.about else {})}
    given = {"json": body} if body is not None else {}
    return client.request(
        operation.method, operation.url(key=key), params=queries, headers={"If-Match": "*"}, **given
    )


@pytest.mark.parametrize("operation", KNOWN, ids=lambda o: o.name)
def test_nobody_may_anything(shared_api: RunningApi, operation: Operation) -> None:
    answer = sent(shared_api.nobody, operation)
    assert answer.status_code == 401 and answer.json()["type"] == "urn:hishamos:problem:login"
    forged = shared_api.client("hos_" + "A" * 43)
    assert sent(forged, operation).status_code == 401


@pytest.mark.parametrize("operation", CHECKED, ids=lambda o: o.name)
def test_each_operation_asks_the_policy(
    shared_api: RunningApi, operation: Operation, asked: list[str]
) -> None:
    for role in (*ROLES, "operator"):
        asked.clear()
        answer = sent(shared_api[role], operation)
        assert asked, "the policy was not asked"
        assert asked[0] in operation.actions, "the document says what it takes"
        allowed = role == "operator" or asked[0] in EXPECTED[role]
        assert answer.json()["type"].rpartition(":")[2] == ("allowed" if allowed else "forbidden"), role
        assert answer.status_code == (422 if allowed else 403)


@pytest.mark.parametrize("operation", KNOWN, ids=lambda o: o.name)
def test_agents_do_what_their_person_may_and_never_some_things(
    shared_api: RunningApi, operation: Operation, asked: list[str]
) -> None:
    agent = shared_api.agent("admin")
    answer = sent(agent, operation)
    if operation.name in ABOUT_ONESELF - {"list_rights"}:
        assert answer.status_code == 403, "an agent has no account"
        return
    if operation.name == "list_rights":
        assert answer.status_code == 200 and not NEVER_BY_AGENTS & set(answer.json()["actions"])
        return
    allowed = asked[0] in EXPECTED["admin"] - NEVER_BY_AGENTS
    assert answer.json()["type"].rpartition(":")[2] == ("allowed" if allowed else "forbidden")
    call = next(e for e in newest_entries(shared_api, 2) if e.action == "api.call")
    assert call.actor == "agent:coding" and "user:admin@example.org" in call.details
    assert f'"{operation.name}"' in call.details
    if not allowed:
        refused = newest_entries(shared_api, 1)[0]
        assert refused.action == "right.refused" and asked[0] in refused.details


def newest_entries(api: RunningApi, most: int) -> list[AuditEntry]:
    """The newest entries of the audit log, the newest first."""
    return list(api.services.store.audit.page(PageQuery(most)).items)


def test_a_token_for_one_project_shows_no_other(api: RunningApi) -> None:
    developer = api["developer"]
    for key in ("garden", "kitchen"):
        assert developer.post("ideas", json={"text": BRIEF.format(key=key)}).status_code in (200, 201, 202)
    agent = api.agent("developer", scopes=["write"], project="garden")
    for path in ("projects", "ideas", "build_requests", "event_log", "exports", "agents/executions", "costs"):
        text = agent.get(path).text
        assert "kitchen" not in text and "notes" not in text, path
    assert agent.get("projects").json()["items"][0]["key"] == "garden"
    assert agent.get("projects/kitchen").status_code == 404
    assert agent.post("projects/kitchen/builds").status_code == 404
    assert agent.post("ideas", json={"text": BRIEF.format(key="kitchen")}).status_code == 404
    assert agent.post("ideas", json={"text": BRIEF.format(key="other")}).status_code == 404
    assert agent.post("projects/garden/builds").status_code == 202


def test_what_limits_a_project_is_peoples(api: RunningApi) -> None:
    developer = api["developer"]
    limits = "approvals: [architecture]\nrequired_stories: [US-001]\n"
    brief = BRIEF.format(key="garden").replace("---\n#", f"{limits}---\n#")
    assert developer.post("ideas", json={"text": brief}).is_success
    assert developer.get("ideas/garden").json()["idea"]["approvals"] == ["architecture"]
    agent = api.agent("admin", project="garden")
    answer = agent.post("ideas", json={"text": BRIEF.format(key="garden")})
    assert answer.status_code == 403 and "approvals, required_stories" in answer.text
    public = {"destinations": ["zip"], "options": {"owner": "evil", "visibility": "public"}}
    for wanted in (public, {"destinations": ["github"]}):
        for path in ("exports", "export_preview"):
            refused = agent.post(f"projects/garden/{path}", json=wanted)
            assert refused.status_code == 403, refused.text
    assert agent.get("projects/garden/members").status_code == 403, "addresses are people's"
    assert agent.get("projects", params={"nothing_such": "1"}).status_code == 422
    assert newest_entries(api, 1)[0].action == "api.call", "what is wrong is noted, too"
    assert agent.post("ideas", json={"text": brief + "\nA word more.\n"}).is_success


def test_rights_of_agents_end_with_their_persons(api: RunningApi) -> None:
    agent, admin = api.agent("developer"), api["admin"]
    assert agent.post("projects/notes/builds").status_code == 202
    assert admin.put("members/developer@example.org", json={"role": "viewer"}).status_code == 204
    assert agent.post("projects/notes/builds").status_code == 403
    off = admin.patch("users/developer@example.org", headers={"If-Match": "*"}, json={"is_active": False})
    assert off.status_code == 200
    assert agent.get("projects").status_code == 401


@pytest.mark.parametrize(
    ("operation", "place"), ABOUT_PROJECTS, ids=lambda found: getattr(found, "name", found)
)
def test_projects_of_others_are_not_there(shared_api: RunningApi, operation: Operation, place: str) -> None:
    """What one may not see cannot be told from what is not there, by an answer's status or its words."""
    for client, key in ((shared_api["stranger"], "notes"), (shared_api["admin"], "bills")):
        theirs, nowhere = sent(client, operation, key=key), sent(client, operation, key="nowhere")
        assert theirs.status_code == nowhere.status_code == 404, theirs.text
        assert theirs.text.replace(key, "KEY") == nowhere.text.replace("nowhere", "KEY")


def test_numbers_of_others_are_not_there(shared_api: RunningApi) -> None:
    own, stranger = shared_api["admin"], shared_api["stranger"]
    assert own.get("build_requests/1").json()["project"] == "notes"
    assert own.get("build_requests/2").status_code == stranger.get("build_requests/1").status_code == 404
    made = own.post("tokens", json={"name": "ci"}).json()
    assert stranger.delete(f"tokens/{made['id']}").status_code == 404
    granted = own.post("grants", json={"email": "viewer@example.org", "action": "projects.build"}).json()
    assert stranger.delete(f"grants/{granted['id']}").status_code == 204, "as for one that is not there"
    assert [grant["id"] for grant in own.get("grants").json()["items"]] == [granted["id"]]
    for method, path in [
        ("get", "users/viewer@example.org"), ("patch", "users/viewer@example.org"),
        ("post", "users/viewer@example.org/links"), ("put", "members/viewer@example.org"),
    ]:  # fmt: skip
        body = {} if method == "post" else {"role": "viewer"} if method == "put" else {"is_active": False}
        given = {"json": body} if method != "get" else {}
        answer = stranger.request(method, path, headers={"If-Match": "*"}, **given)
        assert answer.status_code == 404, path


def test_lists_hold_what_is_ones_own(shared_api: RunningApi) -> None:
    stranger = shared_api["stranger"]
    for path in (
        "projects",
        "ideas",
        "build_requests",
        "members",
        "users",
        "exports",
        "tokens",
        "grants",
        "event_log",
    ):
        text = stranger.get(path).text
        assert "notes" not in text and "viewer@example.org" not in text, path


def test_rights_end_at_the_next_request(api: RunningApi) -> None:
    developer, admin = api["developer"], api["admin"]
    assert developer.post("projects/notes/builds").status_code == 202
    assert admin.put("members/developer@example.org", json={"role": "viewer"}).status_code == 204
    assert developer.post("projects/notes/builds").status_code == 403
    assert admin.delete("members/developer@example.org").status_code == 204
    assert developer.get("projects").status_code == 401
    switched = admin.patch("users/viewer@example.org", headers={"If-Match": "*"}, json={"is_active": False})
    assert switched.status_code == 200
    assert api["viewer"].get("projects").status_code == 401
