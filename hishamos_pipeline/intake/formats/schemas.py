"""Descriptions of data and interfaces: JSON Schema, SQL and OpenAPI say what is kept, and OpenAPI what can be done."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.formats.writing import document, fenced, heading, in_words, line

_METHODS = ("get", "post", "put", "patch", "delete")
_VERBS = {"get": "view", "post": "add", "put": "update", "patch": "update", "delete": "delete"}
_TYPES = {"integer": "integer", "number": "decimal", "boolean": "boolean", "string": "text"}
_FORMATS = {"date": "date", "date-time": "date", "email": "email", "uri": "url", "url": "url"}
_SQL_TYPES = (
    (sql.DataType.INTEGER_TYPES, "integer"),
    ({*sql.DataType.REAL_TYPES, sql.DataType.Type.MONEY}, "decimal"),
    ({sql.DataType.Type.BOOLEAN, sql.DataType.Type.BIT}, "boolean"),
    ({*sql.DataType.TEMPORAL_TYPES}, "date"),
)
_LONGEST_INTERFACE = 60_000
# How far references are followed, and of how many schemas one may be made.
_MOST_STEPS, _MOST_PARTS = 6, 20


def is_openapi(tree: Mapping[str, Any]) -> bool:
    """Whether a tree describes an HTTP interface."""
    return ("openapi" in tree or "swagger" in tree) and isinstance(tree.get("paths"), Mapping)


def is_json_schema(tree: Mapping[str, Any]) -> bool:
    """Whether a tree describes data as JSON Schema."""
    said = str(tree.get("$schema", "")).find("json-schema.org") >= 0
    return said or (tree.get("type") == "object" and isinstance(tree.get("properties"), Mapping))


def markdown_of_openapi(tree: Mapping[str, Any], title: str) -> str:
    """The Markdown of an HTTP interface: each operation is a story, and its route is prescribed."""
    info = _mapping(tree.get("info"))
    schemas = _mapping(_mapping(tree.get("components")).get("schemas")) or _mapping(tree.get("definitions"))
    parts = [
        str(info.get("description") or ""),
        "An HTTP API.",
        heading(2, "User stories"),
        "\n".join(_operations(tree)),
        *_entities(tree, schemas),
        heading(2, "Interface as it is prescribed"),
        fenced(_dumped(tree), "json"),
    ]
    return document(str(info.get("title") or title), parts)


def markdown_of_json_schema(tree: Mapping[str, Any], title: str) -> str:
    """The Markdown of data: each object is an entity."""
    named = {**_mapping(tree.get("definitions")), **_mapping(tree.get("$defs"))}
    name = str(tree.get("title") or title)
    if isinstance(tree.get("properties"), Mapping):
        named = {name: tree, **named}
    parts = [str(tree.get("description") or ""), *_entities(tree, named)]
    return document(name, [*parts, heading(2, "Schema as it is prescribed"), fenced(_dumped(tree), "json")])


def _dumped(tree: Mapping[str, Any]) -> str:
    """A tree as text of lines that can be read, as far as anybody reads it."""
    text = json.dumps(tree, indent=1, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_INTERFACE else f"{text[:_LONGEST_INTERFACE]}\n… (cut)"


def markdown_of_sql(text: str, title: str) -> str:
    """The Markdown of tables: each is an entity.

    Raises:
        IdeaError: no dialect of SQL reads it, or it creates no table.
    """
    tables = [
        statement
        for statement in _parsed(text)
        if isinstance(statement, sql.Create) and statement.kind == "TABLE"
    ]
    if not tables:
        raise IdeaError("brief", "has no CREATE TABLE", "Describe the tables, or write a brief in Markdown.")
    entities = "\n".join(f"- {_table(statement)}" for statement in tables)
    prescribed = fenced(text[:_LONGEST_INTERFACE], "sql")
    return document(
        title, [heading(2, "Entities"), entities, heading(2, "Schema as it is prescribed"), prescribed]
    )


def _parsed(text: str) -> Sequence[sql.Expr | None]:
    problem: Exception | None = None
    for dialect in ("postgres", "mysql", "sqlite", "tsql"):
        try:
            return sqlglot.parse(text, read=dialect)
        except (SqlglotError, RecursionError) as error:
            problem = problem or error
    told = " ".join(re.sub(r"\x1b\[\d*m", "", str(problem)).split())[:300]
    raise IdeaError(
        "brief", f"is SQL that cannot be read: {told}", "Keep the CREATE TABLE statements."
    ) from problem


def _operations(tree: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in tree["paths"].items():
        for method in _METHODS:
            operation = _mapping(_mapping(methods).get(method))
            if method not in _mapping(methods) or operation.get("deprecated") is True:
                continue
            said = str(operation.get("summary") or "") or in_words(str(operation.get("operationId") or ""))
            wish = line(said or f"{_VERBS[method]} {_resource(path, method)}").rstrip(".")
            yield f"- Users can {wish[:1].lower()}{wish[1:]}\n  - The route is `{method.upper()} {line(path)}`"
            if asked := ", ".join(
                _query(tree, [_mapping(methods).get("parameters"), operation.get("parameters")])
            ):
                yield f"  - The query may have {asked}"


def _query(tree: Mapping[str, Any], given: Sequence[object]) -> Iterator[str]:
    """The parameters of a query, those of all methods of a path before those of one."""
    listed = [item for parameters in given for item in _listed(parameters)]
    for item in (_resolved(tree, item) for item in listed):
        if item.get("in") == "query" and (name := line(str(item.get("name") or ""))):
            yield f"`{name}`" + (" (required)" if item.get("required") is True else "")


def _resolved(tree: Mapping[str, Any], given: object) -> Mapping[str, Any]:
    """What stands where a reference within the document leads, or what is given itself."""
    found = _mapping(given)
    for _ in range(_MOST_STEPS):
        reference = found.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return found
        place: object = tree
        for part in reference[2:].split("/"):
            place = _mapping(place).get(part.replace("~1", "/").replace("~0", "~"))
        found = _mapping(place)
    return {}


def _whole(tree: Mapping[str, Any], given: object) -> Mapping[str, Any]:
    """A schema with what the schemas that it is made of say: ``allOf`` says that all of them hold."""
    found: list[Mapping[str, Any]] = []
    waiting = [given]
    while waiting and len(found) < _MOST_PARTS:
        found.append(_resolved(tree, waiting.pop(0)))
        waiting += _listed(found[-1].get("allOf"))[:_MOST_PARTS]
    own, *others = found
    properties = {
        name: of for part in (*others, own) for name, of in _mapping(part.get("properties")).items()
    }
    required = [name for part in found for name in _listed(part.get("required"))]
    return {**own, "properties": properties, "required": required}


def _resource(path: str, method: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    name = in_words(parts[-1]) if parts else "it"
    single = path.rstrip("/").endswith("}") or method == "post"
    return f"a {name.removesuffix('s')}" if single else f"the {name}"


def _entities(tree: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    lines = [
        f"- {in_words(name)}: {', '.join(_properties(schema))}"
        for name, schema in ((name, _whole(tree, given)) for name, given in schemas.items())
        if isinstance(schema.get("properties"), Mapping)
        and schema["properties"]
        and not re.search(r"(?i)error|problem|response$|request$|^(?:new|create|update)[A-Z_ ]", name)
    ]
    if lines:
        yield heading(2, "Entities")
        yield "\n".join(lines)


def _properties(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, given in schema["properties"].items():
        if name == "id":
            continue
        of = _mapping(given)
        kind = of.get("type")
        if isinstance(kind, list):  # "null" among them says that there need be none
            kind = next((item for item in kind if item != "null"), None)
        facts = ["required"] if name in schema["required"] else ["optional"]
        if choices := _choices(of.get("enum")):
            facts.append(choices)
        elif reference := _reference(of):
            yield in_words(reference)
            continue
        elif isinstance(kind, str) and (known := _FORMATS.get(str(of.get("format"))) or _TYPES.get(kind)):
            facts.append(known)
        for bound, sign in (("minimum", ">="), ("maximum", "<=")):
            if isinstance(of.get(bound), int) and not isinstance(of.get(bound), bool):
                facts.append(f"{sign} {of[bound]}")
        yield f"{in_words(name)} ({', '.join(facts)})"


def _reference(of: Mapping[str, Any]) -> str:
    """The name of the schema that a property refers to, itself or with more said of it; empty if to none."""
    listed = [of, *_listed(of.get("allOf"))]
    found = [str(_mapping(item).get("$ref") or "").rpartition("/")[2] for item in listed]
    return next(filter(None, found), "")


def _choices(given: object) -> str:
    if not isinstance(given, list) or len(given) < 2:
        return ""
    texts = [str(item) for item in given]
    return " | ".join(texts) if all(re.fullmatch(r"[\w .+%&-]{1,40}", text) for text in texts) else ""


def _table(statement: sql.Create) -> str:
    schema = statement.this
    name = in_words(schema.this.name if isinstance(schema, sql.Schema) else schema.name)
    columns = [item for item in schema.expressions if isinstance(item, sql.ColumnDef)]
    keys, unique, references = _of_table(schema)
    told = [
        references.get(column.name) or _column(column, is_unique=column.name in unique)
        for column in columns
        if column.name not in keys
    ]
    return f"{_singular(name)}: {', '.join(filter(None, told))}"


def _of_table(schema: sql.Expr) -> tuple[set[str], set[str], dict[str, str]]:
    """Columns that a table's own constraints make its key, unique, or references to another table."""
    keys: set[str] = set()
    unique: set[str] = set()
    references: dict[str, str] = {}
    for item in schema.expressions:
        own = item.expressions[0] if isinstance(item, sql.Constraint) and item.expressions else item
        names = (
            [part.name for part in own.expressions]
            if isinstance(own, sql.PrimaryKey | sql.ForeignKey)
            else []
        )
        if isinstance(own, sql.PrimaryKey) and len(names) == 1:
            keys |= set(names)
        elif isinstance(own, sql.ForeignKey) and len(names) == 1 and (target := own.find(sql.Table)):
            references[names[0]] = _singular(in_words(target.name))
        elif isinstance(own, sql.UniqueColumnConstraint) and isinstance(own.this, sql.Schema):
            listed = [part.name for part in own.this.expressions]
            unique |= set(listed) if len(listed) == 1 else set()
    return keys, unique, references


def _column(column: sql.ColumnDef, *, is_unique: bool) -> str:
    kinds = [constraint.kind for constraint in column.args.get("constraints") or ()]
    if any(isinstance(kind, sql.PrimaryKeyColumnConstraint) for kind in kinds):
        return ""
    name = in_words(column.name)
    if reference := next((kind for kind in kinds if isinstance(kind, sql.Reference)), None):
        target = reference.find(sql.Table)
        return _singular(in_words(target.name)) if target else name
    facts = [
        fact
        for kind, fact in ((sql.NotNullColumnConstraint, "required"), (sql.UniqueColumnConstraint, "unique"))
        if any(isinstance(item, kind) and not item.args.get("allow_null") for item in kinds)
    ]
    facts += ["unique"] if is_unique and "unique" not in facts else []
    facts += [
        fact for kind in kinds if isinstance(kind, sql.CheckColumnConstraint) for fact in _checked(kind)
    ]
    of = column.args.get("kind")
    facts += [word for types, word in _SQL_TYPES if of is not None and of.this in types][:1]
    return f"{name} ({', '.join(facts)})" if facts else name


def _checked(check: sql.CheckColumnConstraint) -> list[str]:
    """What a column's CHECK says, as far as attributes can: bounds of whole numbers, and choices."""
    said = check.this.unnest() if isinstance(check.this, sql.Expr) else None
    if isinstance(said, sql.In):
        texts = [item.name for item in said.expressions if isinstance(item, sql.Literal) and item.is_string]
        return [" | ".join(texts)] if len(texts) > 1 and len(texts) == len(said.expressions) else []
    parts = list(said.flatten()) if isinstance(said, sql.And) else [said]
    signs = ((sql.GTE, ">="), (sql.LTE, "<="))
    facts = [
        f"{sign} {part.expression.name}"
        for part in parts
        for kind, sign in signs
        if isinstance(part, kind) and re.fullmatch(r"\d+", part.expression.name)
    ]
    if isinstance(said, sql.Between):
        facts = [f">= {said.args['low'].name}", f"<= {said.args['high'].name}"]
    return [fact for fact in facts if re.fullmatch(r"[<>]= -?\d+", fact)]


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name if name.endswith(("ss", "us", "is", "news", "series")) else name.removesuffix("s")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
