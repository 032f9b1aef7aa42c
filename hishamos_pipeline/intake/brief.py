"""A brief, in any of its formats, to a validated idea."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, get_args

from anyascii import anyascii
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz

from hishamos_pipeline.core.artifacts.idea import Entity, Idea, Section, as_markdown
from hishamos_pipeline.core.artifacts.traceability import duplicates
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.ids import check_key, slug
from hishamos_pipeline.core.text.untrusted import all_without_tricks
from hishamos_pipeline.errors import IdeaError, ProjectKeyError
from hishamos_pipeline.intake.attributes import (
    attribute_name,
    entity_name,
    parse_attribute,
    parse_entity,
    resolve_references,
)
from hishamos_pipeline.intake.formats.trees import is_asked_for, wish_of
from hishamos_pipeline.intake.limits import MOST_ENTITIES
from hishamos_pipeline.intake.markdown import MarkdownBrief, read_markdown
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.source import is_generic, is_one_line, read_source, subject, title_of
from hishamos_pipeline.intake.stack import choose
from hishamos_pipeline.intake.wording import says_what_somebody_can_do, sentences

_ALIASES = {"stories": "features", "user_stories": "features", "license": "licence"}
_ABOUT_THE_PRODUCT = frozenset({"vision", "users", "features", "entities", "constraints"})
# What a brief may give; its text and the files beside it are no fields.
_MADE = ("sections", "files", "stack_reason", "notes", "metadata")
_FIELDS = tuple(name for name in Idea.model_fields if name not in _MADE)
_MOST_NAMED, _LIKE, _MOST_NOTED = 20, 85, 500
_LINE_TITLE = re.compile(
    r"^(?:(?:please|i want|i would like|we need|build|make|create|write)\s+(?:me\s+)?)*(?:an?|the)?\s*"
    r"(?P<title>.+?)(?:\s+(?:where|that|which|in which|with which|so that|to|for|with)\s|[.:;,]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AcceptedBrief:
    """A validated brief; ``names_key`` tells that its author has given the project's key."""

    idea: Idea
    names_key: bool


def read_brief(raw: bytes, name: str = "", *, max_bytes: int = 1_000_000, max_features: int = 500) -> Idea:
    """Validate a brief; see ``read_document``.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    return read_document(raw, name, max_bytes=max_bytes, max_features=max_features).idea


def read_document(raw: bytes, name: str, *, max_bytes: int, max_features: int) -> AcceptedBrief:
    """Validate a brief.

    Args:
        raw: the brief's bytes; text is UTF-8, or UTF-16 that says so.
        name: the file's name, whose suffix tells the format; may be empty.
        max_bytes: largest brief in bytes.
        max_features: most features.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    source = read_source(raw, name, max_bytes)
    if source.fields is not None:
        idea = _validate(source.fields, max_features, name, source.text, structured=True)
        notes = (*source.notes, *_left_out(source.fields))
        whole = _whole(idea, _sections(as_markdown(idea)), source.fields, notes)
        return AcceptedBrief(whole, "key" in source.fields)
    read = read_markdown(source.text)
    given, metadata = _apart(read)
    if not given.get("title") and is_one_line(source.text):
        given = _read_line(source.text)
    idea = _validate(given, max_features, name, source.text)
    if not idea.features:
        _check_count(sum(map(says_what_somebody_can_do, sentences([idea.vision]))), max_features)
    notes = (*source.notes, *_noted(metadata))
    whole = _whole(idea, (*read.sections, *_given_beside(read, idea)), given, notes)
    return AcceptedBrief(whole.model_copy(update={"metadata": metadata}), "key" in given)


def _whole(
    idea: Idea, sections: tuple[Section, ...], given: Mapping[str, object], notes: tuple[str, ...]
) -> Idea:
    """The idea with its text, and with a stack where the author has named none."""
    stack, reason = (idea.stack, "") if given.get("stack") else choose(sections)
    return idea.model_copy(
        update={"sections": sections, "stack": stack, "stack_reason": reason, "notes": notes}
    )


def _apart(read: MarkdownBrief) -> tuple[dict[str, object], dict[str, str]]:
    """Fields of a brief, and what other tools have in front matter; what is nearly one of ours is a slip."""
    ours = {*_FIELDS, *_ALIASES}
    others = {
        name: value
        for name, value in read.fields.items()
        if name in read.front and name not in ours and not _is_slip(name, ours)
    }
    given = {name: value for name, value in read.fields.items() if name not in others}
    return given, {name[:60]: str(value)[:_MOST_NOTED] for name, value in others.items()}


def _is_slip(name: str, known: Iterable[str]) -> bool:
    return any(fuzz.ratio(name.lower(), other) >= _LIKE for other in known)


def _left_out(fields: Mapping[str, object]) -> tuple[str, ...]:
    given = [item for name in ("features", "stories", "user_stories") for item in _list(fields.get(name))]
    count = sum(not _is_open(item) for item in given)
    return (f"{count} of {len(given)} features are done, or not wanted: they are left out.",) if count else ()


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _noted(metadata: Mapping[str, str]) -> tuple[str, ...]:
    if not metadata:
        return ()
    names = ", ".join(list(metadata)[:_MOST_NAMED])
    return (f"The front matter gives {names}, which a brief has no use for: kept as they are.",)


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


def _read_line(text: str) -> dict[str, object]:
    line = " ".join(text.split())
    match = _LINE_TITLE.match(line)
    title = (match["title"] if match else line).strip(" .")
    return {"title": (title[:1].upper() + title[1:])[:200], "vision": line}


def _validate(
    fields: Mapping[str, object], max_features: int, file: str, text: str, *, structured: bool = False
) -> Idea:
    values: dict[str, object] = {}
    given = all_without_tricks(fields)
    if unknown := [name for name in given if _ALIASES.get(name, name) not in _FIELDS]:
        are = "is not a field of a brief" if len(unknown) == 1 else "are no fields of a brief"
        raise IdeaError(", ".join(unknown[:_MOST_NAMED]), are, f"Known are {', '.join(_FIELDS)}.")
    for name, value in given.items():
        target = _ALIASES.get(name, name)
        if target in values:
            raise IdeaError(name, f"and {target} mean the same and are both given", "Keep one.")
        if value is not None:
            values[target] = value
    title = values.get("title")
    if isinstance(title, int | float) and not isinstance(title, bool):  # `title: 2048` in YAML
        title = str(title)
    if title is None and not structured:
        title = title_of(file)
    if not isinstance(title, str) or not title.strip():
        raise IdeaError(
            "title", "is missing", "Start with `# Title` in Markdown, `title: …` in YAML or JSON."
        )
    values["title"] = subject(" ".join(title.split()))
    if isinstance(stories := values.get("features"), list):
        values["features"] = [_feature(item) for item in stories if _is_open(item)]
    for name in ("features", "users", "constraints"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    _check_count(len(_list(values.get("features"))), max_features)
    if "entities" in values:
        values["entities"] = _entities(values["entities"])
    if "key" not in values:
        values["key"] = _key(str(values["title"]), file, text)
    values.setdefault("program", values["key"])
    try:
        check_key(str(values["key"]))
        check_key(str(values["program"]))
        return Idea.model_validate(values)
    except ProjectKeyError as error:
        raise IdeaError("key", str(error), "Change `key`, or `program`.") from error
    except ValidationError as error:
        raise _explained(error) from error


def _check_count(count: int, most: int) -> None:
    if count > most:
        fix = "Split the idea, or raise HISHAMOS_MAX_FEATURES."
        raise IdeaError("features", f"has {count} entries, the limit is {most}", fix)


def _is_open(item: object) -> bool:
    return not isinstance(item, Mapping) or is_asked_for(item)


def _feature(item: object) -> object:
    """A feature that is given as fields as the line that says the same."""
    said = wish_of(item) if isinstance(item, Mapping) else ""
    return said or item


def _key(title: str, file: str, text: str) -> str:
    """A project's key where the brief gives none: from the title, else the file's name.

    Titles such as "Product requirements" are those of many documents: the key would be another project's.
    """
    own, letters = slug(title), sum(character.isalpha() for character in title)
    is_latin = 2 * sum(c.isascii() and c.isalpha() for c in title) >= letters
    if own and is_latin and not is_generic(title):
        return own
    stem = PurePosixPath(file).stem
    if slug(stem) and not is_generic(stem):
        return slug(stem)
    transliterated = slug(anyascii(title)) if not is_latin else ""
    return transliterated or f"{own or 'idea'}-{sha256_text(text)[:8]}"


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
    problem = (
        item["msg"]
        .partition("\n")[0]
        .removeprefix("Value error, ")
        .replace("Tuple", "List")
        .replace("tuple", "list")
    )
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
