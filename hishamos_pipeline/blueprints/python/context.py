"""What the templates are given: the context of a file."""

from collections.abc import Iterable

from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.intake.attributes import attribute_name


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
    """Whether records can clash: unique values, limits, or records that others refer to and that are deleted."""
    return any(
        item.unique or item.limits or item.has("restore") or (item.referrers and item.has("delete", "clear"))
        for item in model.entities
    )


def needed_values(model: PackageModel) -> dict[str, bool]:
    """Which functions of the ``values`` module a command line uses."""
    sources = []
    for entity in model.entities:
        asked = {*entity.given, *(entity.fields if entity.has("import") else ())}
        asked |= set(entity.editable) if entity.has("update") else set()
        sources += [field.from_text("x") for field in asked]
        sources += [
            f"values.optional(values.{field.parser})"
            for field in entity.filters
            if field.parser and field.type != "tags"
        ]
        if _single_record_actions(entity):
            sources.append("values.parse_integer")
        sources += ["values.optional(values.parse_integer)"] if entity.page_size else []
        sources += [f"values.{entity.field(op.attributes[0]).parser}" for op in entity.of("assign")]
    return parsed_values(sources)


def parsed_values(sources: Iterable[str]) -> dict[str, bool]:
    """Which functions of the ``values`` module some Python source uses."""
    text = "\n".join(sources)
    names = ("optional", "parse_integer", "parse_decimal", "parse_date", "parse_boolean", "parse_tags")
    return {name: f"values.{name}" in text for name in names}


def _single_record_actions(entity: EntityModel) -> list[tuple[str, str]]:
    actions = []
    for kind, name, help_text in (
        ("view", "show", f"show {entity.article}"),
        ("update", "update", f"change values of {entity.article}"),
        ("delete", "delete", f"delete {entity.article}"),
        ("restore", "restore", f"restore a deleted {entity.label}"),
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
    actions += [
        (f"calculate-{found.action}", f"work out the {found.label} of {entity.article}: {found.phrase}")
        for found in entity.calculations
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
    lines += [f"ConflictError: if {limit.owner} has {limit.shown} already." for limit in entity.limits]
    if not lines:
        return ""
    return "\n    Raises:\n" + "".join(f"        {line}\n" for line in lines)
