"""Write ``docs/openapi.json``: what clients are generated from.

``python -m scripts.openapi`` refuses a change that breaks clients; ``--breaking`` makes it, for a release that says so.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hishamos_pipeline.api.app import create_app
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings

TARGET = Path(__file__).parent.parent / "docs" / "openapi.json"
_METHODS = ("get", "put", "post", "patch", "delete")
Schema = Mapping[str, Any]


def document() -> dict[str, Any]:
    """The OpenAPI document of this release."""
    with tempfile.TemporaryDirectory() as folder:
        return dict(create_app(Services(Settings(home=Path(folder)))).openapi())


def as_text(made: Schema) -> str:
    """A document as it is kept."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def breaking(before: Schema, after: Schema) -> list[str]:
    """What a client of one document stumbles over in another.

    Gone operations, parameters and fields; what has to be given and had not; what has another type; and an answer's
    field that may be missing or empty where it could not be.
    """
    found: list[str] = []
    new = dict(_operations(after))
    for name, operation in _operations(before):
        if name not in new:
            found.append(f"{name}: the operation is gone")
            continue
        found += [f"{name}: {said}" for said in _in_operation(operation, new[name])]
    old_schemas, schemas = before["components"]["schemas"], after["components"]["schemas"]
    asked = _reachable(after, "requestBody")
    for name, schema in old_schemas.items():
        if name in schemas:
            found += [f"{name}: {said}" for said in _in_schema(schema, schemas[name], is_asked=name in asked)]
    return found


def _operations(made: Schema) -> Iterator[tuple[str, Schema]]:
    for path, item in made["paths"].items():
        for method in _METHODS:
            if method in item:
                yield item[method]["operationId"], {**item[method], "at": f"{method} {path}"}


def _in_operation(before: Schema, after: Schema) -> Iterator[str]:
    if before["at"] != after["at"]:
        yield f"is at {after['at']}, and was at {before['at']}"
    parameters = {(p["in"], p["name"]): p for p in after.get("parameters", ())}
    known = {(p["in"], p["name"]) for p in before.get("parameters", ())}
    for where, name in sorted(known - parameters.keys()):
        yield f"the parameter {name} in {where} is gone"
    for place, parameter in parameters.items():
        if place not in known and parameter.get("required"):
            yield f"the parameter {place[1]} has to be given"
    gone = {status for status in before["responses"] if status < "3"} - after["responses"].keys()
    for status in sorted(gone):
        yield f"there is no answer {status} any more"


def _in_schema(before: Schema, after: Schema, *, is_asked: bool) -> Iterator[str]:
    old, new = before.get("properties", {}), after.get("properties", {})
    for name in sorted(old.keys() - new.keys()):
        yield f"the field {name} is gone"
    for name in sorted(old.keys() & new.keys()):
        if _shape(old[name]) != _shape(new[name]):
            yield f"the field {name} is {_shape(new[name])}, and was {_shape(old[name])}"
    must_before, must = set(before.get("required", ())), set(after.get("required", ()))
    if is_asked:
        for name in sorted(must - must_before):
            yield f"the field {name} has to be given"
    else:
        for name in sorted((must_before - must) & new.keys()):
            yield f"the field {name} may be missing"


def _shape(schema: Schema) -> str:
    """The type of a field, as far as a client relies on it."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(sorted(map(_shape, schema["anyOf"])))
    if schema.get("type") == "array":
        return f"array of {_shape(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "anything"))


def _reachable(made: Schema, place: str) -> set[str]:
    """Names of schemas that some part of an operation refers to."""
    text = json.dumps([operation.get(place) for _, operation in _operations(made)])
    found: set[str] = set()
    while new := {name for name in made["components"]["schemas"] if f'/schemas/{name}"' in text} - found:
        found |= new
        text = json.dumps([made["components"]["schemas"][name] for name in new])
    return found


def main() -> None:
    """Write the document, unless that breaks clients and nobody has said that it may."""
    made = document()
    kept = json.loads(TARGET.read_text()) if TARGET.exists() else made
    if "--breaking" not in sys.argv and (found := breaking(kept, made)):
        sys.exit("\n".join(["this breaks clients (say --breaking if it shall):", *found]))
    TARGET.write_text(as_text(made))


if __name__ == "__main__":
    main()
