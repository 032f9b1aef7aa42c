"""The stack ``python-api``: an HTTP interface with FastAPI, on SQLAlchemy."""

import json
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.blueprint import Blueprint, SourceFile, folder_file
from hishamos_pipeline.blueprints.python.bulks import BULKS
from hishamos_pipeline.blueprints.python.context import entity_context, parsed_values
from hishamos_pipeline.blueprints.python.fields import FieldModel
from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.selections import SELECTIONS
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.documents import Decision
from hishamos_pipeline.intake.attributes import attribute_name
from hishamos_pipeline.stacks.python import stack

_SERVER = "http://127.0.0.1:8000"


def _source_files(model: PackageModel, shared: Mapping[str, object]) -> Iterator[SourceFile]:
    root = f"src/{model.package}"
    needs = {
        "to_text": any(
            {"csv"} & set(item.formats("export")) or "json" in item.formats("import")
            for item in model.entities
        ),
        **parsed_values(
            field.from_text("x") for item in model.entities if item.has("import") for field in item.fields
        ),
    }
    if any(needs.values()):
        yield SourceFile(
            f"{root}/values.py", "values.py.j2", "Values to text and back", context={**shared, "needs": needs}
        )
    yield SourceFile(
        f"{root}/storage/schema.py", "schema.py.j2", "The tables of the database", context=shared
    )
    yield folder_file(root, "api", "The HTTP interface.")
    formats = {name for item in model.entities for name in item.formats("import")}
    yield SourceFile(
        f"{root}/api/parameters.py",
        "parameters.py.j2",
        "What routes take",
        context={**shared, "formats": sorted(formats)},
    )
    for entity in model.entities:
        yield SourceFile(
            f"{root}/api/{entity.var}_routes.py",
            "routes.py.j2",
            f"requests about {entity.labels}",
            (entity.entity.name,),
            (f"{root}/services/{entity.vars}.py",),
            entity_context(model, entity),
        )
    yield SourceFile(
        f"{root}/api/app.py",
        "app.py.j2",
        "The application",
        depends_on=tuple(f"{root}/api/{item.var}_routes.py" for item in model.entities),
        context=shared,
    )


def _wording(operation: Operation, model: EntityModel) -> tuple[str, str] | None:
    thing, things = model.label, model.labels
    label = model.field(operation.attributes[0]).label if operation.attributes else ""
    known = {
        "create": f"the new {thing} is answered with its number",
        "view": f"the {thing} is answered",
        "list": f"the {things} are answered",
        "search": f"the matching {things} are answered",
        "filter": f"only {things} with that {label} are answered",
        "page": f"only the {things} of that page are answered",
        "sort": f"the {things} are answered in that order",
        "update": "the new value is answered",
        "delete": f"the {thing} is gone",
        "restore": f"the {thing} is answered as it was",
        "deleted": f"the deleted {things} are answered",
        "calculate": "the result is answered",
        "status": f"the {thing} is {operation.value}",
        "assign": f"the {label} is kept",
        "tag": f"the {thing} carries the tag",
        "count": "the number is answered",
        "group": "each value is answered with its number",
        "total": "the sum is answered",
        "average": "the average is answered",
        "export": "the file is answered",
        "import": f"the imported {things} are counted",
        "history": "the changes are answered",
    }
    if operation.kind in SELECTIONS:
        selection = model.selection(operation)
        known[operation.kind] = f"only {selection.phrase} {selection.are} answered"
    if operation.kind in BULKS:
        known[operation.kind] = "their number is answered"
    if operation.kind not in known:
        return None
    request = _request(operation, model)
    shown = f"{request.method} {request.path}" + (f"?{request.parameter}=…" if request.parameter else "")
    status = {"create": 201, "import": 201, "delete": 204}.get(operation.kind, 200)
    return f"the request `{shown}` is made", f"{known[operation.kind]}, with status {status}"


@dataclass(frozen=True, slots=True)
class _Request:
    """``parameter`` is the one of the query that says what is wanted, empty if there is none."""

    method: str
    path: str
    parameter: str = ""


def _request(operation: Operation, model: EntityModel) -> _Request:
    """The request for an operation."""
    every, one = model.collection, f"{model.collection}/{{number}}"
    names = [model.field(name) for name in operation.attributes]
    dashed = "-by-".join(field.attribute.name.replace("_", "-") for field in names)
    match operation.kind:
        case "filter":
            return _Request("GET", every, "tag" if names[0].type == "tags" else names[0].name)
        case "status":
            return _Request("POST", f"{one}/mark-{attribute_name(operation.value).replace('_', '-')}")
        case "assign":
            return _Request("POST", f"{one}/{model.assign_action(operation)}")
        case "clear" | "mark_all":
            return _Request("POST", f"{every}/{model.bulk(operation).action}")
        case "calculate":
            return _Request("GET", f"{one}/{model.calculation(operation).action}")
        case "due" | "top":
            return _Request("GET", f"{every}/{model.selection(operation).action}")
    return {
        "create": _Request("POST", every),
        "view": _Request("GET", one),
        "list": _Request("GET", every),
        "search": _Request("GET", f"{every}/search", "text"),
        "sort": _Request("GET", every, "sort_by"),
        "page": _Request("GET", every, model.page_name),
        "update": _Request("PATCH", one),
        "delete": _Request("DELETE", one),
        "restore": _Request("POST", f"{one}/restore"),
        "deleted": _Request("GET", f"{every}/deleted"),
        "tag": _Request("POST", f"{one}/tags"),
        "count": _Request("GET", f"{every}/count"),
        "group": _Request("GET", f"{every}/count-by-{dashed}"),
        "total": _Request("GET", f"{every}/total-{dashed}"),
        "average": _Request("GET", f"{every}/average-{dashed}"),
        "export": _Request("GET", f"{every}/export-{operation.value}"),
        "import": _Request("POST", f"{every}/import-{operation.value}"),
        "history": _Request("GET", f"{one}/history"),
    }[operation.kind]


def _usage(entity: EntityModel, model: PackageModel) -> list[tuple[str, str]]:
    lines = {}
    for operation in entity.operations:
        if operation.kind in ("persist", "rule", "limit"):
            continue
        fields = [entity.field(name) for name in operation.attributes]
        lines[_call(operation, entity, fields)] = _help(operation, entity, fields)
    # What is deleted cannot be shown in the lines that follow.
    return sorted(lines.items(), key=lambda line: "-X DELETE" in line[0] or "/delete-" in line[0])


def _call(operation: Operation, entity: EntityModel, fields: Sequence[FieldModel]) -> str:
    """The request as curl makes it, with sample values."""
    kind, request = operation.kind, _request(operation, entity)
    parts = ["curl", "-sS"]
    if request.method not in ("GET", "POST") or kind in ("status", "restore", *BULKS):
        parts.append(f"-X {request.method}")
    body: dict[str, object] | None = None
    if kind == "create":
        body = {field.name: literal_eval(field.json()) for field in entity.given if field.required}
    elif kind == "update":
        body = {entity.editable[0].name: literal_eval(entity.editable[0].json(1))}
    elif kind == "assign":
        body = {fields[0].name: literal_eval(fields[0].json())}
    elif kind == "tag":
        body = {"tag": "classic"}
    elif kind == "import":
        parts.append(f"--data-binary @{entity.vars}.{operation.value}")
    elif kind == "export":
        parts.append(f"-o {entity.vars}.{operation.value}")
    elif kind == "page":
        parts.append(f'-G --data-urlencode "{request.parameter}=1"')
    elif request.parameter:
        wanted = entity.searchable[0] if kind == "search" else fields[0]
        sample = wanted.name if kind == "sort" else "classic" if wanted.type == "tags" else wanted.raw()
        parts.append(f'-G --data-urlencode "{request.parameter}={sample}"')
    if body is not None:
        parts.append(f"--json '{json.dumps(body)}'")
    return " ".join([*parts, _SERVER + request.path.replace("{number}", "1")])


def _help(operation: Operation, entity: EntityModel, fields: Sequence[FieldModel]) -> str:
    thing, things = entity.article, entity.labels
    by = " by ".join(field.label for field in fields)
    if operation.kind in BULKS:
        return entity.bulk(operation).help
    if operation.kind in SELECTIONS:
        return entity.selection(operation).help
    if operation.kind == "calculate":
        found = entity.calculation(operation)
        return f"Work out the {found.label}: {found.phrase}"
    return {
        "create": f"Add {thing}",
        "view": f"Show {thing}",
        "list": f"List {things}",
        "search": f"Search {things}",
        "filter": f"List {things} by {by}",
        "sort": f"Sort {things} by {by}",
        "page": f"List {things} in pages of {entity.page_size}",
        "update": f"Change {thing}",
        "delete": f"Delete {thing}",
        "restore": f"Restore a deleted {entity.label}",
        "deleted": f"List deleted {things}",
        "status": f"Mark {thing} as {operation.value}",
        "assign": f"Assign {thing}",
        "tag": f"Tag {thing}",
        "count": f"Count {things}",
        "group": f"Count {things} by {by}",
        "total": f"Add up the {by}",
        "average": f"Average the {by}",
        "export": f"Export {things} ({operation.value.upper()})",
        "import": f"Import {things} ({operation.value.upper()}); {entity.columns_of_files}",
        "history": f"Show what happened to {thing}",
    }[operation.kind]


API = Blueprint(
    stack=stack.API,
    entry="api.app",
    program="__main__",
    decisions=(
        Decision(
            title="FastAPI and SQLAlchemy",
            reason="Requests are checked by their types and described by OpenAPI; tables are plain SQLAlchemy Core.",
        ),
        Decision(
            title="Records check themselves",
            reason="A record that exists is valid, wherever it came from: request, file or database.",
        ),
        Decision(
            title="One transaction per request",
            reason="A request that is refused half-way leaves the database as it was; answers follow the commit.",
        ),
    ),
    source_files=_source_files,
    wording=_wording,
    usage=_usage,
)
