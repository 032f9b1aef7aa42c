"""What the templates are given: the Jinja environment with its filters, and the context of a file."""

import re
from functools import cache
from pathlib import Path

import jinja2

from hishamos_pipeline.blueprints.python_cli.fields import FieldModel
from hishamos_pipeline.blueprints.python_cli.model import EntityModel, PackageModel
from hishamos_pipeline.blueprints.python_cli.scenarios import Scenario
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operations import Operation
from hishamos_pipeline.intake.attributes import attribute_name

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> jinja2.Environment:
    """The environment of all templates; what a template does not know is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is source code
    )
    made.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    made.filters["article"] = words.with_article
    made.filters["identifier"] = attribute_name
    made.filters["docstring"] = _docstring
    made.filters["step_name"] = _step_name
    return made


def render(template: str, **context: object) -> str:
    """Render one template; values are data and are never rendered themselves."""
    return environment().get_template(template).render(**context)


def entity_context(model: PackageModel, entity: EntityModel) -> dict[str, object]:
    """The context of an entity's source files."""
    checked = any(field.rule or field.attribute.after for field in entity.fields)
    targets = {field.attribute.target for field in entity.references} | {entity.entity.name}
    return {
        "p": model,
        "e": entity,
        "checked": checked,
        "conflicts": needs_conflict(model),
        "stores": [other for other in model.entities if other.entity.name in targets],
        "referrer_names": " or ".join(words.with_article(name) for name in entity.referrers),
        "raises": _raises(entity, checked),
        "one": _single_record_actions(entity),
    }


def needs_conflict(model: PackageModel) -> bool:
    """Whether records can clash: unique values, or records that others refer to and that are deleted."""
    return any(item.unique or (item.referrers and item.has("delete")) for item in model.entities)


def needed_values(model: PackageModel) -> dict[str, bool]:
    """Which functions of the ``values`` module the package uses."""
    needs = dict.fromkeys(
        ("optional", "parse_integer", "parse_decimal", "parse_date", "parse_boolean", "parse_tags"), False
    )
    for entity in model.entities:
        asked = {*entity.given, *(entity.fields if entity.has("import") else ())}
        asked |= set(entity.editable) if entity.has("update") else set()
        sources = [field.from_text("x") for field in asked]
        sources += [
            f"values.optional(values.{field.parser})"
            for field in entity.filters
            if field.parser and field.type != "tags"
        ]
        if _single_record_actions(entity):
            sources.append("values.parse_integer")
        sources += [f"values.{entity.field(op.attributes[0]).parser}" for op in entity.of("assign")]
        for name in needs:
            needs[name] = needs[name] or any(f"values.{name}" in source for source in sources)
    return needs


def test_body(model: PackageModel, entity: EntityModel, operation: Operation, scenario: Scenario) -> str:
    """The statements of one test."""

    def referring_field(other: EntityModel, target: EntityModel) -> FieldModel:
        return next(item for item in other.references if item.attribute.target == target.entity.name)

    def store_with(field: FieldModel, value: str) -> str:
        """Source that makes a record and gives it a value which no command sets when it is added."""
        make = f"make_{entity.var}(connection).id"
        for item in entity.operations:
            if item.attributes[:1] != (field.attribute.name,):
                continue
            if item.kind == "tag":
                tagged = f'{entity.service}.tag_{entity.var}(connection, {make}, "new")'
                return f'{entity.service}.tag_{entity.var}(connection, {tagged}.id, "signed")'
            if item.kind == "assign":
                return f"{entity.service}.{entity.assign_function(item)}(connection, {make}, {value})"
            if item.kind == "status" and entity.status_value(item) == value:
                return f"{entity.service}.{entity.status_function(item)}(connection, {make})"
        return f"make_{entity.var}(connection, {field.name}={value})"

    def import_second(target: EntityModel, name: str) -> str:
        if name != "broken":
            return ""
        required = [field for field in target.fields if field.required]
        return next((field.name for field in required if field.broken[0]), required[0].name)

    return render(
        "tests/bodies.j2",
        p=model,
        e=entity,
        op=operation,
        scenario=scenario,
        referring_field=referring_field,
        store_with=store_with,
        import_second=import_second,
    ).strip("\n")


def fixtures(body: str) -> str:
    """The fixtures that a test's body uses, as parameters."""
    wanted = [
        (r"(?<!as )\bconnection\b", "connection: Connection", "open_database" not in body),
        (r"\bdatabase\b", "database: Path", True),
        (r"\brun\(", "run: Run", True),
        (r"\btmp_path\b", "tmp_path: Path", True),
    ]
    return ", ".join(text for pattern, text, allowed in wanted if allowed and re.search(pattern, body))


def _single_record_actions(entity: EntityModel) -> list[tuple[str, str]]:
    actions = []
    for kind, name, help_text in (
        ("view", "show", f"show {entity.article}"),
        ("update", "update", f"change values of {entity.article}"),
        ("delete", "delete", f"delete {entity.article}"),
        ("tag", "tag", f"add a tag to {entity.article}"),
        ("history", "history", f"show what happened to {entity.article}"),
    ):
        if entity.has(kind):
            actions.append((name, help_text))
    actions += [
        (entity.assign_action(op), f"assign {entity.article} to a record or person")
        for op in entity.of("assign")
    ]
    actions += [
        (f"mark-{attribute_name(op.value).replace('_', '-')}", f"mark {entity.article} as {op.value}")
        for op in entity.statuses
    ]
    return actions


def _raises(entity: EntityModel, checked: bool) -> str:
    lines = []
    if checked:
        lines.append("InvalidValueError: if a value breaks its rule.")
    if any(field in entity.given for field in entity.references):
        lines.append("NotFoundError: if a record that it refers to does not exist.")
    if entity.unique:
        labels = " or ".join(field.label for field in entity.unique)
        lines.append(f"ConflictError: if another {entity.label} has the same {labels}.")
    if not lines:
        return ""
    return "\n    Raises:\n" + "".join(f"        {line}\n" for line in lines)


def _step_name(command: str) -> str:
    names = {"ruff format": "Format", "ruff check": "Lint", "python -m pytest": "Test"}
    return next((name for start, name in names.items() if command.startswith(start)), command)


def _docstring(text: str) -> str:
    """A line of the brief as the text of a docstring: nothing in it can end the docstring."""
    safe = " ".join(text.split()).replace("\\", "/").replace('"', "'")
    return f"{safe.rstrip('.')}."
