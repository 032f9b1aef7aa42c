"""The OpenAPI document: committed, complete, with examples, and good enough for clients that are generated from it."""

import json
from copy import deepcopy
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from scripts.openapi import TARGET, as_text, breaking, document

METHODS = ("get", "put", "post", "patch", "delete")
MADE = document()
SCHEMAS = MADE["components"]["schemas"]
OPERATIONS = [
    (path, method, operation)
    for path, item in MADE["paths"].items()
    for method, operation in item.items()
    if method in METHODS
]


def test_it_is_committed_and_breaks_no_client() -> None:
    kept = json.loads(TARGET.read_text())
    assert breaking(kept, MADE) == [], (
        "an intended break is committed by `python -m scripts.openapi --breaking`"
    )
    assert as_text(MADE) == TARGET.read_text(), "run `python -m scripts.openapi`"


def test_operations_have_readable_names_and_say_what_they_do() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names) > 100
    for path, method, operation in OPERATIONS:
        assert operation["operationId"].replace("_", "").isalpha(), path
        assert operation["description"].endswith("."), path
        assert len(operation["tags"]) == 1, path
        assert path.startswith("/api/v1/")
        keyed = any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", ()))
        assert keyed == (method == "post" and "security" in operation), path


def test_what_needs_no_login_is_named_here() -> None:
    open_to_all = {operation["operationId"] for _, _, operation in OPERATIONS if "security" not in operation}
    assert open_to_all == {
        "login", "refresh", "logout", "open_session", "register", "set_password_by_link", "login_by_link",
        "ask_for_password_link", "ask_to_join", "list_login_providers", "begin_provider_login",
        "end_provider_login", "read_health",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_has_an_example_that_is_one(name: str) -> None:
    (example,) = SCHEMAS[name]["examples"]
    validator = OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}})
    assert [error.message for error in validator.iter_errors(example)] == []


def changed(change: Any) -> list[str]:
    """What a change of the document breaks."""
    after = deepcopy(MADE)
    change(after)
    return breaking(MADE, after)


def test_what_breaks_clients_is_found() -> None:
    paths, schemas = MADE["paths"], "schemas"
    assert changed(lambda d: d["paths"].pop("/api/v1/projects")) == ["list_projects: the operation is gone"]
    assert changed(lambda d: d["components"][schemas]["ProjectView"]["properties"].pop("state")) == [
        "ProjectView: the field state is gone"
    ]
    assert changed(lambda d: d["components"][schemas]["NewToken"]["required"].append("days")) == [
        "NewToken: the field days has to be given"
    ]
    assert changed(
        lambda d: d["components"][schemas]["UserView"]["properties"].update(id={"type": "string"})
    ) == ["UserView: the field id is string, and was integer"]
    extra = {"name": "by", "in": "query", "required": True, "schema": {"type": "string"}}
    assert changed(lambda d: d["paths"]["/api/v1/users"]["get"]["parameters"].append(extra)) == [
        "list_users: the parameter by has to be given"
    ]
    assert changed(lambda d: d["paths"].update({"/api/v1/all": d["paths"].pop("/api/v1/costs")})) == [
        "read_costs: is at get /api/v1/all, and was at get /api/v1/costs"
    ]
    assert "/api/v1/projects" in paths, "the document itself was not changed"


def test_what_is_added_breaks_nobody() -> None:
    def add(made: dict[str, Any]) -> None:
        made["components"]["schemas"]["ProjectView"]["properties"]["owner"] = {"type": "string"}
        made["paths"]["/api/v1/more"] = {"get": {"operationId": "more", "responses": {"200": {}}}}

    assert changed(add) == []
