"""Judges what was said by the vendors' own OpenAPI descriptions (which are read, and no part of this project)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import ValidationError
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.fakes.git_hosts.wire import Exchange

_ROOT = "urn:description"
_SUCCESSES = range(200, 300)


@dataclass(frozen=True)
class Pardon:
    """Something that a description has wrong: complaints like this are not the exchange's fault."""

    host: str
    operation: str
    side: str
    keyword: str
    where: str
    only_null: bool
    reason: str

    def covers(self, host: str, operation: str, side: str, error: ValidationError) -> bool:
        """Whether a complaint is one of these."""
        return (
            (self.host, self.side, self.keyword) == (host, side, error.validator)
            and re.fullmatch(self.operation, operation) is not None
            and re.fullmatch(self.where, error.json_path) is not None
            and (error.instance is None or not self.only_null)
        )


_ANY = ".*"
PARDONS = (
    Pardon("gitlab", _ANY, "response", "type", _ANY, True, "GitLab sends null where it has nothing to say"),
    Pardon(
        "gitlab",
        "GET /api/v4/groups/{id}",
        "response",
        "type",
        _ANY,
        False,
        "fields without a declared type are called strings, ids and switches too",
    ),
    Pardon(
        "gitlab",
        _ANY,
        "response",
        "type",
        r"\$\.permissions\..+",
        False,
        "access levels are described as strings, and are numbers",
    ),
    Pardon(
        "gitlab",
        _ANY,
        "response",
        "type",
        r"\$\.shared_with_groups\[\d+\]",
        False,
        "the groups are described as strings, and are objects",
    ),
    Pardon(
        "gitlab",
        "POST /api/v4/projects/{id}/protected_branches",
        "request",
        "required",
        r"\$",
        False,
        "the name may come in the query",
    ),
    Pardon(
        "github",
        "PUT /repos/{owner}/{repo}/branches/{branch}/protection",
        "request",
        "required",
        r"\$\.required_status_checks",
        False,
        "contexts are called required and closing down at once; checks take their place",
    ),
    Pardon(
        "github",
        "GET /user",
        "response",
        "oneOf",
        r"\$",
        False,
        "a private user with few fields is also a public one",
    ),
    Pardon(
        "github",
        "POST /orgs/{org}/repos",
        "request",
        "enum",
        r"\$\.visibility",
        False,
        "internal is not in the list of api.github.com, but exists for enterprises",
    ),
)


def complaints(exchanges: Sequence[Exchange], specs: Path) -> list[str]:
    """What the vendors' descriptions have against these exchanges; those with a fault are not judged."""
    return [
        f"{one.host} {one.method} {one.path}: {complaint}"
        for one in exchanges
        if not one.fault and one.path.startswith("/api/")
        for complaint in _description(specs / f"{one.host}_subset.json").complaints(one)
    ]


class Description:
    """One vendor's description."""

    def __init__(self, host: str, text: Mapping[str, Any]) -> None:
        self._host = host
        self._text = text
        resource: Resource[Any] = DRAFT4.create_resource(text)
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._templates = sorted(text["paths"], key=_fixed_parts, reverse=True)

    def complaints(self, exchange: Exchange) -> Iterator[str]:
        """What this description has against an exchange; nothing when it does not know the operation."""
        path = exchange.path.removeprefix("/api/v3")
        template = next((one for one in self._templates if _pattern(one).fullmatch(path)), "")
        operation = self._text["paths"].get(template, {}).get(exchange.method.lower())
        if operation is None:
            return
        name = f"{exchange.method} {template}"
        at = ["paths", template, exchange.method.lower()]
        if "requestBody" in operation and exchange.request is not None:
            yield from self._errors(name, "request", [*at, "requestBody"], exchange.request)
        if exchange.status in _SUCCESSES:
            if str(exchange.status) not in operation["responses"]:
                yield f"status {exchange.status} is not described"
                return
            where = [*at, "responses", str(exchange.status)]
            if "content" in operation["responses"][str(exchange.status)]:
                yield from self._errors(name, "response", where, exchange.response)

    def _errors(self, operation: str, side: str, where: Sequence[str], instance: Any) -> Iterator[str]:
        parts = [*where, "content", "application/json", "schema"]
        pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
        validator = OAS30Validator(
            {"$ref": f"{_ROOT}#/{pointer}"}, registry=self._registry, format_checker=oas30_format_checker
        )
        for error in validator.iter_errors(instance):
            if not any(one.covers(self._host, operation, side, error) for one in PARDONS):
                yield f"{side} {error.json_path}: {error.message[:200]}"


@cache
def _description(path: Path) -> Description:
    return Description(path.name.partition("_")[0], json.loads(path.read_text()))


def _fixed_parts(template: str) -> int:
    return sum(not part.startswith("{") for part in template.split("/"))


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """A template's regular expression; branches and refs may hold slashes."""
    long = re.sub(r"\\\{(?:ref|branch)\\\}", ".+", re.escape(template))
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", long))
