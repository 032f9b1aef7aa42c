"""Requests for every operation of the OpenAPI document, made of its examples."""

from dataclasses import dataclass, field
from typing import Any

from scripts.openapi import document

MADE = document()
_METHODS = ("get", "put", "post", "patch", "delete")
_VALUES = {
    "key": "notes", "email": "viewer@example.org", "artifact": "requirements", "path": "README.md",
    "role": "architect", "task": "architecture", "provider": "anthropic", "number": 1, "destination": "zip",
    "archive": "zip", "name": "nightly", "token": 1, "grant": 1, "proposal": 1, "delivery": 1, "run": "run-1",
    "version": "0" * 16,
}  # fmt: skip
_QUERIES = {"before": "1", "after": "2", "project": "notes", "link": "hol_none", "state": "none",
            "other": "nightly"}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """An operation, and how to ask for it."""

    name: str
    method: str
    path: str
    known: bool
    body: Any
    queries: dict[str, Any] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()

    def url(self, **values: Any) -> str:
        """Where it is, with values for what its path names."""
        return self.path.removeprefix("/api/v1/").format(**{**_VALUES, **values})

    @property
    def about(self) -> tuple[str, ...]:
        """Where a request names a project: ``path``, ``query``, ``body``."""
        return tuple(
            place
            for place, named in (
                ("path", "{key}" in self.path),
                ("query", "project" in self.queries),
                ("body", isinstance(self.body, dict) and "project" in self.body),
            )
            if named
        )


def _body(operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    schema = schema["anyOf"][0] if "anyOf" in schema else schema
    return MADE["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"][0]


def _queries(operation: dict[str, Any]) -> dict[str, Any]:
    return {
        p["name"]: _QUERIES[p["name"]]
        for p in operation.get("parameters", ())
        if p["in"] == "query" and (p.get("required") or p["name"] == "project")
    }


OPERATIONS = [
    Operation(
        o["operationId"], method, path, "security" in o, _body(o), _queries(o), frozenset(o["x-actions"])
    )
    for path, item in MADE["paths"].items()
    for method, o in item.items()
    if method in _METHODS
]
