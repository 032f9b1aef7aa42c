"""Sentences that say what holds of records: required, unique, in a range, one of, not before, at most so many."""

from collections.abc import Sequence

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.calculating import read_calculation
from hishamos_pipeline.blueprints.reading.limits import read_limit
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import attribute_name
from hishamos_pipeline.intake.wording import plain

_ATTRIBUTE = r"(?P<attr>[a-z][a-z' -]*?)"
_PATTERNS = (
    (r"{attr} (?:is|are|must be) (?:required|mandatory)", "required"),
    (r"{attr} (?:cannot|can not|must not|may not) be (?:blank|empty|missing)", "required"),
    (r"(?:(?:every|each|an?) )?(?P<owner>[a-z -]+?) (?:must have|needs) an? {attr}", "required"),
    (r"{attr} (?:must be|is|are|has to be) unique", "unique"),
    (
        r"no two (?P<owner>[a-z -]+?) (?:may|can) (?:have|share) the same {attr}",
        "unique",
    ),
    (r"{attr} must be (?:positive|greater than (?:zero|0))", "minimum 1"),
    (
        r"{attr} (?:must not|cannot|may not) be negative|{attr2} must not be less than 0",
        "minimum 0",
    ),
    (r"{attr} must be (?:at least|no less than) (?P<low>\d+)", "range"),
    (r"{attr} must be (?:at most|no more than) (?P<high>\d+)", "range"),
    (r"{attr} must be (?:between|from) (?P<low>\d+) (?:and|to) (?P<high>\d+)", "range"),
    (r"{attr} (?:must be|is) one of (?P<options>[a-z, -]+)", "choices"),
    (
        r"{attr} (?:must be (?:on or )?after|must not be before|cannot be before) (?:the |its )?"
        r"(?P<other>[a-z ]+)",
        "after",
    ),
)


def read_rule(text: str, entities: Sequence[Entity]) -> Operation | None:
    """The rule, limit or calculation that a sentence states about one entity; ``None`` if it states none."""
    if stated := read_limit(text, entities) or read_calculation(text, entities):
        return stated
    line = plain(text).lower().replace("’", "'")
    line = re.sub(r"^(?:the|an?|every|each) ([a-z -]+?(?:'s | of | must | is | are | can))", r"\1", line)
    for pattern, value in _PATTERNS:
        regex = pattern.replace("{attr2}", "(?P<attr2>[a-z ]+)").replace("{attr}", _ATTRIBUTE, 1)
        regex = regex.replace("{attr}", "(?:[a-z -]+?)")
        match = re.fullmatch(regex, line)
        if match is None:
            continue
        groups = match.groupdict()
        found = _owner(groups.get("attr") or "", groups.get("owner") or "", entities)
        if found is None:
            continue
        entity, attribute = found
        changes = _changes(value, groups, entity, attribute)
        if changes is None:
            return None
        return Operation(
            "rule",
            entity.name,
            (attribute.name,),
            value.split()[0],
            (attribute.model_copy(update=changes),),
        )
    return None


def _owner(phrase: str, owner: str, entities: Sequence[Entity]) -> tuple[Entity, Attribute] | None:
    name = phrase
    if possessive := re.fullmatch(r"(?P<owner>[a-z -]+)'s (?P<attr>[a-z -]+)", phrase):
        owner, name = possessive["owner"], possessive["attr"]
    elif of := re.fullmatch(r"(?P<attr>[a-z -]+?) of (?:an?|the|each|every) (?P<owner>[a-z -]+)", phrase):
        owner, name = of["owner"], of["attr"]
    candidates = [
        (entity, attribute)
        for entity in entities
        for attribute in entity.attributes
        if attribute.name == attribute_name(name) and (not owner or words.singular(owner) == entity.name)
    ]
    if not candidates and not owner:
        candidates = [
            (entity, attribute)
            for entity in entities
            for attribute in entity.attributes
            if name == f"{entity.name} {attribute.name.replace('_', ' ')}"
        ]
    return candidates[0] if len(candidates) == 1 else None


def _changes(
    value: str, groups: dict[str, str | None], entity: Entity, attribute: Attribute
) -> dict[str, object] | None:
    if value in ("required", "unique"):
        fitting = attribute.type not in (
            ("boolean", "tags") if value == "required" else ("boolean", "tags", "choice")
        )
        return {value: True} if fitting else None
    numeric = attribute.type in ("integer", "decimal")
    if value.startswith("minimum"):
        # "Positive" is at least 1 only for whole numbers.
        whole = attribute.type == "integer" or value == "minimum 0"
        return {"minimum": int(value.split()[1])} if numeric and whole else None
    if value == "range":
        if not numeric:
            return None
        bounds = {"minimum": groups.get("low"), "maximum": groups.get("high")}
        return {name: int(bound) for name, bound in bounds.items() if bound is not None}
    if value == "choices":
        if attribute.unique or attribute.type != "text":
            return None
        options = [part.strip() for part in re.split(r", (?:or |and )?| or | and ", groups["options"] or "")]
        return {"type": "choice", "choices": tuple(dict.fromkeys(filter(None, options)))}
    other = attribute_name(groups["other"] or "")
    dates = {item.name for item in entity.attributes if item.type == "date"}
    return {"after": other} if other in dates and attribute.name in dates - {other} else None
