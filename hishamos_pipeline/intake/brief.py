"""A brief, in any of its formats, to a validated idea."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hishamos_pipeline.core.artifacts.idea import Entity, Idea, Section, as_markdown
from hishamos_pipeline.core.artifacts.traceability import duplicates
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.ids import check_key, slug
from hishamos_pipeline.core.text.untrusted import all_without_tricks, without_tricks
from hishamos_pipeline.errors import IdeaError, ProjectKeyError
from hishamos_pipeline.intake.attributes import (
    attribute_name,
    entity_name,
    parse_attribute,
    parse_entity,
    resolve_references,
)
from hishamos_pipeline.intake.limits import MOST_ENTITIES, check_lines
from hishamos_pipeline.intake.markdown import MarkdownBrief, read_markdown
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.stack import choose
from hishamos_pipeline.intake.structured import read_json, read_yaml

Format = Literal["markdown", "yaml", "json", "line"]
SUFFIXES: Mapping[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "markdown",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
}
_ALIASES = {"stories": "features", "user_stories": "features", "license": "licence"}
_ABOUT_THE_PRODUCT = frozenset({"vision", "users", "features", "entities", "constraints"})
# What a brief may give; its text and the files beside it are no fields.
_FIELDS = tuple(name for name in Idea.model_fields if name not in ("sections", "files", "stack_reason"))
_LINE_TITLE = re.compile(
    r"^(?:(?:please|i want|i would like|we need|build|make|create|write)\s+(?:me\s+)?)*(?:an?|the)?\s*"
    r"(?P<title>.+?)(?:\s+(?:where|that|which|in which|with which|so that|to|for|with)\s|[.:;,]|$)",
    re.IGNORECASE,
)


def decode(raw: bytes, max_bytes: int) -> str:
    """The text of a brief.

    Raises:
        IdeaError: too large, of too many lines, empty, not UTF-8, or binary.
    """
    if len(raw) > max_bytes:
        raise IdeaError(
            "brief",
            f"is larger than {max_bytes:,} bytes",
            "Shorten it, or raise HISHAMOS_MAX_BRIEF_BYTES.",
        )
    if b"\0" in raw:
        raise IdeaError("brief", "is binary", "Submit a text in Markdown, YAML or JSON.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IdeaError("brief", f"is not UTF-8 (byte {error.start})", "Save it as UTF-8.") from error
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise IdeaError("brief", "is empty", "Write at least one line.")
    # Control characters have no place in a document and play tricks in terminals.
    check_lines(text)
    return without_tricks(text)


def detect_format(text: str, name: str = "") -> Format:
    """The format by the file's name, or where that says nothing by the look of the text."""
    for suffix, kind in SUFFIXES.items():
        if name.lower().endswith(suffix) and not (suffix == ".txt" and _one_line(text)):
            return kind
    start = text.lstrip()
    if start.startswith("{"):
        return "json"
    if _one_line(text) and not start.startswith("#"):
        return "line"
    return "yaml" if re.match(r"(?m)\A(?:#[^\n]*\n)*[a-z_]+:(?:\s|$)", start) else "markdown"


def read_brief(raw: bytes, name: str = "", *, max_bytes: int = 1_000_000, max_features: int = 500) -> Idea:
    """Validate a brief.

    Args:
        raw: the brief's bytes, UTF-8.
        name: the file's name, whose suffix tells the format; may be empty.
        max_bytes: largest brief in bytes.
        max_features: most features.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    text = decode(raw, max_bytes)
    kind = detect_format(text, name)
    if kind in ("json", "yaml"):
        fields = read_json(text) if kind == "json" else read_yaml(text)
        if not isinstance(fields, dict):
            raise IdeaError("brief", "is not a mapping of fields", "Start with `title: …`.")
        idea = _validate(fields, max_features)
        return _whole(idea, _sections(as_markdown(idea)), fields)
    read = read_markdown(text)
    given = dict(read.fields)
    if not given.get("title") and _one_line(text):
        given = _read_line(text)
    idea = _validate(given, max_features)
    return _whole(idea, (*read.sections, *_given_beside(read, idea)), given)


def _whole(idea: Idea, sections: tuple[Section, ...], given: Mapping[str, object]) -> Idea:
    """The idea with its text, and with a stack where the author has named none."""
    stack, reason = (idea.stack, "") if given.get("stack") else choose(sections)
    return idea.model_copy(update={"sections": sections, "stack": stack, "stack_reason": reason})


def _sections(text: str) -> tuple[Section, ...]:
    return tuple(block.section for block in read_blocks(text))


def _given_beside(read: MarkdownBrief, idea: Idea) -> tuple[Section, ...]:
    """What the front matter says of the product, as sections after those of the text."""
    said = {_ALIASES.get(name, name) for name in read.front} & _ABOUT_THE_PRODUCT
    if not said:
        return ()
    blank = Idea(key=idea.key, title=idea.title)
    own = as_markdown(blank.model_copy(update={name: getattr(idea, name) for name in said}))
    taken = {section.id for section in read.sections}
    return tuple(
        section.model_copy(update={"id": f"{section.id}-given" if section.id in taken else section.id})
        for section in _sections(own)
    )


def _one_line(text: str) -> bool:
    return "\n" not in text.strip()


def _read_line(text: str) -> dict[str, object]:
    line = " ".join(text.split())
    match = _LINE_TITLE.match(line)
    title = (match["title"] if match else line).strip(" .")
    return {"title": (title[:1].upper() + title[1:])[:200], "vision": line}


def _validate(fields: Mapping[str, object], max_features: int) -> Idea:
    values: dict[str, object] = {}
    for name, value in all_without_tricks(fields).items():
        target = _ALIASES.get(name, name)
        if target in values:
            raise IdeaError(name, f"and {target} mean the same and are both given", "Keep one.")
        if target not in _FIELDS:
            raise IdeaError(name, "is not a field of a brief", f"Known are {', '.join(_FIELDS)}.")
        if value is not None:
            values[target] = value
    title = values.get("title")
    if not isinstance(title, str) or not title.strip():
        raise IdeaError(
            "title", "is missing", "Start with `# Title` in Markdown, `title: …` in YAML or JSON."
        )
    values["title"] = " ".join(title.split())
    for name in ("features", "users", "constraints"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    features = values.get("features", ())
    if isinstance(features, list) and len(features) > max_features:
        raise IdeaError(
            "features",
            f"has {len(features)} entries, the limit is {max_features}",
            "Split the idea, or raise HISHAMOS_MAX_FEATURES.",
        )
    if "entities" in values:
        values["entities"] = _entities(values["entities"])
    if "key" not in values:
        values["key"] = slug(str(values["title"])) or f"idea-{sha256_text(str(values['title']))[:8]}"
    try:
        check_key(str(values["key"]))
        return Idea.model_validate(values)
    except ProjectKeyError as error:
        raise IdeaError("key", str(error), "Change `key`.") from error
    except ValidationError as error:
        raise _explained(error) from error


def _explained(error: ValidationError) -> IdeaError:
    """All of the errors, in words of a brief instead of Python's; the first one's field is the error's."""
    told = [_told(item) for item in error.errors()]
    (field, problem, fix), *others = told
    more = "".join(f"; {name}: {what}" for name, what, _ in others)
    return IdeaError(field, f"{problem}{more}", fix if not others else "Correct these fields.")


def _told(item: ErrorDetails) -> tuple[str, str, str]:
    """Field, problem and fix."""
    field = ".".join(str(part) for part in item["loc"] if part != "[key]") or "brief"
    if item["type"] == "extra_forbidden":
        known = ", ".join(_fields_at(item["loc"][:-1]))
        return field, "is not a field", f"Known are {known}." if known else "Remove it."
    if item["type"] in ("model_type", "dict_type"):
        known = ", ".join(_fields_at(item["loc"]))
        return (
            field,
            "is not a mapping",
            f"Write its fields below it: {known}." if known else "Write `name: value`.",
        )
    problem = item["msg"].removeprefix("Value error, ").replace("Tuple", "List").replace("tuple", "list")
    return field, problem.replace(" after validation", ""), "Correct that field."


def _fields_at(path: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the model that a path in a brief leads to."""
    found: Any = Idea
    for part in path:
        if isinstance(part, int):
            continue
        fields = getattr(found, "model_fields", {})
        if part not in fields:
            return []
        found = next((one for one in _models_in(fields[part].annotation)), None)
    return sorted(getattr(found, "model_fields", {}))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models in a type such as ``tuple[Model, ...]`` or ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _entities(given: object) -> tuple[Entity, ...]:
    """Entities as a list of lines, a list of mappings, or one mapping of names to attributes."""
    if isinstance(given, dict | list) and len(given) > MOST_ENTITIES:
        raise IdeaError(
            "entities", f"has {len(given)} entries, the limit is {MOST_ENTITIES}", "Keep the important ones."
        )
    try:
        if isinstance(given, dict):
            entities = [_entity(name, value) for name, value in given.items()]
        elif isinstance(given, list):
            entities = [
                parse_entity(item)
                if isinstance(item, str)
                else _entity(item["name"], item.get("attributes", item.get("fields", ())))
                for item in given
            ]
        else:
            raise ValueError("is neither a list nor a mapping")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise IdeaError("entities", problem, "Write `- Book: title, author, isbn (unique)`.") from error
    twice = duplicates(attribute_name(entity.name) for entity in entities)
    if twice:
        raise IdeaError("entities", f"{twice[0]!r} is described twice", "Keep one of the two.")
    resolved = resolve_references(entities)
    for entity in resolved:
        _check_attributes(entity, {item.name for item in resolved})
    return resolved


def _check_attributes(entity: Entity, known: set[str]) -> None:
    names = {attribute.name for attribute in entity.attributes}
    for attribute in entity.attributes:
        where = f"{attribute.name!r} of {entity.name!r}"
        if attribute.type == "reference" and attribute.target not in known:
            raise IdeaError(
                "entities",
                f"{where} refers to no known entity",
                "Name the attribute like the entity that it refers to.",
            )
        if attribute.type == "reference" and f"{attribute.name}_id" in names:
            raise IdeaError(
                "entities", f"{where} and its '{attribute.name} id' are the same", "Keep one of the two."
            )
        if attribute.after and attribute.after not in names:
            raise IdeaError(
                "entities", f"{where} names {attribute.after!r}, which is no attribute", "Add that date."
            )
        if attribute.unique and attribute.type not in ("text", "integer", "email", "url"):
            raise IdeaError("entities", f"{where} cannot be unique", "Only text and whole numbers can.")
        if attribute.type == "choice" and len(attribute.choices) < 2:
            raise IdeaError("entities", f"{where} has fewer than two choices", "Write `a | b`.")


def _entity(name: object, attributes: object) -> Entity:
    if isinstance(attributes, str):
        return parse_entity(f"{name}: {attributes}")
    if isinstance(attributes, dict):
        attributes = [f"{key}: {value}" if value else key for key, value in attributes.items()]
    parsed = []
    for item in attributes if isinstance(attributes, list | tuple) else ():
        if isinstance(item, dict) and len(item) == 1:
            ((key, value),) = item.items()
            item = f"{key}: {value}" if value else key
        if isinstance(item, dict):
            data = {**item, "name": attribute_name(str(item.get("name", "")))}
            parsed.append(parse_attribute(data["name"]).model_copy(update=_checked(data)))
        else:
            parsed.append(parse_attribute(str(item)))
    return Entity(name=entity_name(str(name)), attributes=tuple(parsed))


def _checked(data: dict[str, object]) -> dict[str, object]:
    from hishamos_pipeline.core.artifacts.idea import Attribute

    return Attribute.model_validate(data).model_dump(exclude_unset=True)
