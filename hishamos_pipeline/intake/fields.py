"""The fields of a brief: the idea that they make, or every problem of them at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, get_args

from anyascii import anyascii
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.ids import check_key, slug
from hishamos_pipeline.core.text.untrusted import all_without_tricks
from hishamos_pipeline.errors import ProjectKeyError
from hishamos_pipeline.intake.entities import read_entities
from hishamos_pipeline.intake.formats.trees import is_asked_for, wish_of
from hishamos_pipeline.intake.problems import BriefProblem, Path, Places, refuse
from hishamos_pipeline.intake.source import is_generic, subject, title_of

ALIASES = {"stories": "features", "user_stories": "features", "license": "licence"}
# What a brief may give; its text and the files beside it are no fields.
_MADE = ("sections", "files", "stack_reason", "notes", "metadata")
FIELDS = tuple(name for name in Idea.model_fields if name not in _MADE)
_LISTS = ("features", "users", "constraints")


@dataclass(frozen=True, slots=True)
class Given:
    """The fields of a brief, its file's name and its whole text.

    ``is_structured`` tells that the text is nothing but fields, which name the title themselves; ``lines`` are those of
    what the text of a Markdown brief gives, for each field in order.
    """

    fields: Mapping[str, object]
    file: str
    text: str
    is_structured: bool = False
    lines: Mapping[str, Sequence[int]] | None = None


def validate(given: Given, max_features: int) -> Idea:
    """The idea that some fields make.

    Raises:
        IdeaError: tells all problems; its field is that of the first.
    """
    fields = all_without_tricks(given.fields)
    problems = list(_unknown(fields))
    values, names = _by_meaning(fields, problems)
    kept = _prepare(values, given, problems)
    problems += count_problems(len(list_of(values.get("features"))), max_features)
    if "entities" in values:
        values["entities"], found = read_entities(values["entities"])
        problems += found
    idea, found = _made(values, names, kept)
    problems += found
    if problems:
        refuse(problems, Places(given.text, None if given.is_structured else given.lines or {}))
    assert idea is not None
    return idea


def is_open(item: object) -> bool:
    """Whether a feature is asked for; those of other tools may be done, or not wanted."""
    return not isinstance(item, Mapping) or is_asked_for(item)


def list_of(value: object) -> list[object]:
    """A value that is a list; else none."""
    return value if isinstance(value, list) else []


def count_problems(count: int, most: int) -> list[BriefProblem]:
    """The problem of a brief that has too many features."""
    if count <= most:
        return []
    fix = "Split the idea, or raise HISHAMOS_MAX_FEATURES."
    return [BriefProblem("features", f"has {count} entries, the limit is {most}", fix)]


def _unknown(fields: Mapping[str, object]) -> Iterator[BriefProblem]:
    for name in fields:
        if ALIASES.get(name, name) not in FIELDS:
            fix = f"Known are {', '.join(FIELDS)}."
            yield BriefProblem(name, "is not a field of a brief", fix, (name,), of_key=True)


def _by_meaning(
    fields: Mapping[str, object], problems: list[BriefProblem]
) -> tuple[dict[str, object], dict[str, str]]:
    """The fields by what they mean, and the names under which they are given."""
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, value in fields.items():
        target = ALIASES.get(name, name)
        if target not in FIELDS:
            continue
        if target in values:
            text = f"and {names[target]} mean the same and are both given"
            problems.append(BriefProblem(name, text, "Keep one.", (name,), of_key=True))
        elif value is not None:
            values[target], names[target] = value, name
    return values, names


def _prepare(values: dict[str, object], given: Given, problems: list[BriefProblem]) -> list[int]:
    """Bring fields into the form of an idea; gives the places of those features that are kept."""
    title = values.get("title")
    if isinstance(title, int | float) and not isinstance(title, bool):  # `title: 2048` in YAML
        title = str(title)
    if title is None and not given.is_structured:
        title = title_of(given.file)
    if not isinstance(title, str) or not title.strip():
        fix = "Start with `# Title` in Markdown, `title: …` in YAML or JSON."
        text = "is missing" if not title else "is not a text"
        problems.append(BriefProblem("title", text, fix, ("title",)))
        title = "Untitled"
    values["title"] = subject(" ".join(title.split()))
    kept: list[int] = []
    if isinstance(stories := values.get("features"), list):
        kept = [index for index, item in enumerate(stories) if is_open(item)]
        values["features"] = [_feature(stories[index]) for index in kept]
    for name in _LISTS:
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    if "key" not in values:
        values["key"] = _key(str(values["title"]), given.file, given.text)
    values.setdefault("program", values["key"])
    return kept


def _made(
    values: Mapping[str, object], names: Mapping[str, str], kept: Sequence[int]
) -> tuple[Idea | None, list[BriefProblem]]:
    problems = []
    for name in ("key", "program"):
        try:
            if name == "key" or values[name] != values["key"]:
                check_key(str(values[name]))
        except ProjectKeyError as error:
            problems.append(BriefProblem(name, str(error), f"Change `{name}`.", (name,)))
    try:
        return Idea.model_validate(values), problems
    except ValidationError as error:
        return None, problems + [_told(item, names, kept) for item in error.errors()]


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


def _told(item: ErrorDetails, names: Mapping[str, str], kept: Sequence[int]) -> BriefProblem:
    """What pydantic says, in words of a brief instead of Python's."""
    path = _given_path(item["loc"], names, kept)
    is_unknown = item["type"] == "extra_forbidden"
    field = ".".join(str(part) for part in item["loc"] if part != "[key]") or "brief"
    if is_unknown:
        known = ", ".join(_fields_at(item["loc"][:-1]))
        fix = f"Known are {known}." if known else "Remove it."
        return BriefProblem(field, "is not a field", fix, path, of_key=True)
    if item["type"] in ("model_type", "dict_type"):
        known = ", ".join(_fields_at(item["loc"]))
        fix = f"Write its fields below it: {known}." if known else "Write `name: value`."
        return BriefProblem(field, "is not a mapping", fix, path)
    problem = (
        item["msg"]
        .partition("\n")[0]
        .removeprefix("Value error, ")
        .replace("Tuple", "List")
        .replace("tuple", "list")
    )
    return BriefProblem(field, problem.replace(" after validation", ""), f"Correct `{field}`.", path)


def _given_path(found: Path, names: Mapping[str, str], kept: Sequence[int]) -> Path:
    """The same path in the names that the author has used, and with all features counted."""
    first, *rest = (part for part in found if part != "[key]")
    if first == "features" and rest and isinstance(rest[0], int) and rest[0] < len(kept):
        rest[0] = kept[rest[0]]
    return names.get(str(first), first), *rest


def _fields_at(path: Path) -> list[str]:
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
