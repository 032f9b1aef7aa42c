"""The API's operations as agents see them: read from its OpenAPI document, with one flat object of arguments each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rapidfuzz import fuzz

_METHODS = ("get", "put", "post", "patch", "delete")
# They are set by whoever calls, and not by the agent.
_OURS = frozenset({"Idempotency-Key", "Last-Event-ID", "Range", "If-None-Match"})
_JSON = "application/json"
_REF = "$ref"
# Parameters and fields that name the project which the agent works on.
_PROJECT = ("key", "project")
_BY_SUMMARY = 0.8


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """An operation of the API.

    Args:
        id: its readable name.
        method: in upper case.
        path: as the document has it, with names in braces.
        summary: what it does.
        actions: what it takes of the policy, all of it.
        places: where each argument goes: ``path``, ``query``, ``header`` or ``body``.
        schema: of all arguments together, with the components that it refers to.
    """

    id: str
    method: str
    path: str
    summary: str
    actions: frozenset[str]
    places: Mapping[str, str]
    schema: Mapping[str, Any]

    def fits(self, query: str) -> float:
        """How well it fits what somebody looks for, from 0 to 100: by its name, or nearly as well by what it does."""
        words, name = query.casefold().replace("_", " "), self.id.replace("_", " ")
        by_summary = fuzz.token_set_ratio(words, self.summary.casefold()) * _BY_SUMMARY
        return max(fuzz.token_sort_ratio(words, name), by_summary)

    def filled(self, project: str) -> dict[str, str]:
        """The arguments that are the project which the agent works on."""
        return {name: project for name in _PROJECT if project and name in self.places}

    def parts(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, str], Any]:
        """Arguments in their places: the path, the query, the headers and the body."""
        at: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "body": {}}
        for name, value in given.items():
            at[self.places[name]][name] = value
        path = self.path.format(**{name: quote(str(value), safe="") for name, value in at["path"].items()})
        headers = {name: str(value) for name, value in at["header"].items()}
        body = at["body"] if "body" in self.places.values() else None
        return path, at["query"], headers, body

    def documentation(self, project: str = "") -> str:
        """Its name, what it does, and what it takes, as JSON Schema has it, in a few lines."""
        ours = self.filled(project)
        required = set(self.schema["required"])
        lines = [f"{self.id}: {self.summary}"]
        for name, found in self.schema["properties"].items():
            if name not in ours:
                need = "" if name in required else ", optional"
                about = found.get("description", "")
                lines.append(f"  {name} ({self._kind(found)}{need}){f': {about}' if about else ''}")
        return "\n".join(lines)

    def _kind(self, schema: Mapping[str, Any], depth: int = 0) -> str:
        """What a schema takes, in a few words."""
        if _REF in schema:
            return self._kind(_resolved(schema, self.schema["components"]), depth)
        if "enum" in schema:
            return " | ".join(map(str, schema["enum"]))
        if "anyOf" in schema:
            return " | ".join(
                self._kind(item, depth) for item in schema["anyOf"] if item.get("type") != "null"
            )
        if schema.get("type") == "array":
            return f"list of {self._kind(schema.get('items', {}), depth)}"
        if "properties" in schema and not depth:
            fields = ", ".join(
                f"{name}: {self._kind(item, depth + 1)}" for name, item in schema["properties"].items()
            )
            return f"{{{fields}}}"
        return str(schema.get("const", schema.get("type", "anything")))


def operations_of(document: Mapping[str, Any]) -> dict[str, ApiOperation]:
    """The operations of an OpenAPI document that agents can call, by name.

    Those that take no action of the policy are about somebody's own account, and those that answer with files or
    streams are for programs.
    """
    found = (
        _operation(document["components"], path, method, given)
        for path, item in document["paths"].items()
        for method, given in item.items()
        if method in _METHODS and given["x-actions"] and _is_text(given)
    )
    return {operation.id: operation for operation in found}


def _is_text(given: Mapping[str, Any]) -> bool:
    kinds = {
        kind
        for status, answer in given["responses"].items()
        if status.startswith("2")
        for kind in answer.get("content", {})
    }
    return kinds <= {_JSON}


def _operation(
    components: Mapping[str, Any], path: str, method: str, given: Mapping[str, Any]
) -> ApiOperation:
    properties: dict[str, Any] = {}
    places: dict[str, str] = {}
    required: list[str] = []
    for parameter in given.get("parameters", ()):
        name = parameter["name"]
        if name not in _OURS:
            schema, places[name] = parameter["schema"], parameter["in"]
            # A value is one segment of the path, unless it is a path itself.
            is_segment = places[name] == "path" and name != "path"
            properties[name] = {"pattern": "^[^/]+$", **schema} if is_segment else schema
            required += [name] if parameter.get("required") else []
    body = given.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    body = next((item for item in body.get("anyOf", ()) if item.get("type") != "null"), body)
    fields = _resolved(body, components)
    for name, schema in fields.get("properties", {}).items():
        assert name not in places, (given["operationId"], name)
        properties[name], places[name] = schema, "body"
    required += fields.get("required", ())
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "components": components,
    }
    return ApiOperation(
        given["operationId"],
        method.upper(),
        path,
        given.get("description", given.get("summary", "")),
        frozenset(given["x-actions"]),
        places,
        schema,
    )


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, or the component that it refers to."""
    if _REF not in schema:
        return schema
    found: Mapping[str, Any] = components["schemas"][schema[_REF].rpartition("/")[2]]
    return found
