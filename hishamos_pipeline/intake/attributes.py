"""Attributes as people write them: ``isbn (unique)``, ``status: open | done``, ``an optional due date``."""

import keyword
import unicodedata
from collections.abc import Iterable

from hishamos_pipeline.core.artifacts.idea import Attribute, Entity, FieldType
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.limits import LONGEST_LINE, MOST_ATTRIBUTES

_SHOWN = 80
# The first rule that matches the last word, or the whole name, gives the type.
_TYPE_RULES: tuple[tuple[str, FieldType], ...] = (
    (
        r"^(?:date|day)_of_.*|.*(^|_)(date|day|birthday|deadline|due|on)$|^(due|deadline|born|published)_.*",
        "date",
    ),
    (r".*(^|_)(e?_?mail)(_address)?$", "email"),
    (r".*(^|_)(url|link|website|homepage)$", "url"),
    (
        r".*(^|_)(price|amount|cost|fee|total|balance|salary|budget|rate|weight|distance|length|height)$",
        "decimal",
    ),
    (
        r".*(^|_)(year|age|quantity|count|number_of_\w+|pages|copies|points|minutes|hours"
        r"|capacity|stock|servings|rating|score|duration|stars|seats|calories)$",
        "integer",
    ),
    (
        r"^(is|has)_.*|.*(^|_)(done|active|available|archived|completed|favourite|favorite)$",
        "boolean",
    ),
    (r"^tags?$|^labels?$", "tags"),
)
_TYPE_WORDS: dict[str, FieldType] = {
    "text": "text",
    "string": "text",
    "integer": "integer",
    "int": "integer",
    "whole number": "integer",
    "number": "integer",
    "decimal": "decimal",
    "money": "decimal",
    "date": "date",
    "boolean": "boolean",
    "bool": "boolean",
    "yes/no": "boolean",
    "email": "email",
    "e-mail": "email",
    "url": "url",
    "choice": "choice",
    "tags": "tags",
    "reference": "reference",
}
# "the time in minutes", "a weight in kg".
_UNIT = re.compile(
    r"(?P<name>.+?) in (?:(?P<whole>seconds|minutes|hours|days|weeks|months|years|pieces|points)"
    r"|degrees(?: celsius| fahrenheit)?|euros?|eur|dollars?|usd|pounds|percent|mm|cm|metres|meters|km|kilometres"
    r"|miles|grams?|g|kg|kilograms?|litres?|liters?|l|ml)",
    re.IGNORECASE,
)
# Names that Python, SQL, argparse or the generated code itself needs.
_RESERVED = frozenset(keyword.kwlist) | frozenset(
    """id number key type print self database connection descending sort_by help handler found returning
    isnull notnull command action arguments values store dt""".split()
)


def attribute_name(phrase: str) -> str:
    """A snake-case name for an attribute, safe as a Python identifier and an SQL column.

    Raises:
        ValueError: if the phrase has no Latin letter to make a name of.
    """
    words = re.findall(r"[a-z0-9]+", _latin(phrase).replace("'s", "").replace("e-mail", "email"))
    name = "_".join(words)[:40].strip("_")
    if not name or not re.search("[a-z]", name):
        raise ValueError(f"no name in {phrase[:_SHOWN]!r}")
    if name[0].isdigit() or name in _RESERVED:
        name = f"{name}_value" if name[0].isalpha() else f"value_{name}"
    return name


def guess_type(name: str) -> FieldType:
    """The type that an attribute's name suggests; ``text`` when it suggests none."""
    for pattern, kind in _TYPE_RULES:
        if re.fullmatch(pattern, name):
            return kind
    return "text"


def parse_attribute(phrase: str) -> Attribute:
    """Read one attribute, its name first, then what is said of it after ``:`` or in brackets.

    Raises:
        ValueError: if it cannot be read; the message says what is not understood.
    """
    text = phrase.strip().strip(".").replace("`", "").replace("*", "")
    text = re.sub(r"^(?:an?|the|its|their)\s+", "", text, flags=re.I)
    match = re.fullmatch(r"(?P<name>[^:(]+?)\s*(?:\((?P<inner>[^()]*)\))?\s*(?::\s*(?P<tail>.+))?", text)
    if match is None:
        raise ValueError(f"attribute {phrase[:_SHOWN]!r} is not understood: write `name (type, unique)`")
    words, facts = match["name"], ", ".join(filter(None, (match["inner"], match["tail"])))
    measured = _UNIT.fullmatch(words)
    words = measured["name"] if measured else words
    required: bool | None = None
    unique = False
    for prefix in ("optional", "required", "mandatory", "unique"):
        if words.lower().startswith(prefix + " "):
            words = words[len(prefix) + 1 :]
            unique = unique or prefix == "unique"
            if prefix != "unique":
                required = prefix != "optional"
    values: dict[str, object] = {}
    if choices := re.fullmatch(r"(?P<name>.+?) of (?P<options>.+ or .+)", words):
        words = choices["name"]
        values.update(type="choice", choices=_options(choices["options"]))
    kind: FieldType | None = None
    unknown: list[str] = []
    for fact in filter(None, (part.strip().lower() for part in re.split(r"[,;]", facts))):
        if fact in _TYPE_WORDS:
            kind = _TYPE_WORDS[fact]
        elif fact in ("required", "mandatory", "not blank"):
            required = True
        elif fact == "optional":
            required = False
        elif fact == "unique":
            unique = True
        elif "|" in fact or " or " in fact or "/" in fact:
            values.update(type="choice", choices=_options(fact))
        elif bound := re.fullmatch(r"(?:>=|at least|from|min(?:imum)?)\s*(-?\d+)", fact):
            values["minimum"] = int(bound[1])
        elif bound := re.fullmatch(r"(?:<=|at most|to|max(?:imum)?)\s*(-?\d+)", fact):
            values["maximum"] = int(bound[1])
        elif bound := re.fullmatch(r"(-?\d+)\s*(?:-|–|to|\.\.)\s*(-?\d+)", fact):
            values.update(minimum=int(bound[1]), maximum=int(bound[2]))
        elif bound := re.fullmatch(r"after (?:the )?(.+)", fact):
            values["after"] = attribute_name(bound[1])
        else:
            unknown.append(fact)
    if len(unknown) > 1 and kind is None and all(re.fullmatch(r"[\w .+%&-]{1,40}", fact) for fact in unknown):
        values.update(type="choice", choices=tuple(dict.fromkeys(unknown)))  # "status (available, taken)"
        unknown = []
    for fact in unknown:
        raise ValueError(
            f"{fact[:_SHOWN]!r} of attribute {words[:_SHOWN]!r} is not understood: known are "
            "required, optional, unique, a type, `a | b`, `>= 0`, `1-5`, `after the start date`"
        )
    if required is not None:
        values["required"] = required
    name = attribute_name(words)
    guessed = guess_type(name)
    if measured and guessed == "text":
        guessed = "integer" if measured["whole"] else "decimal"
    values.setdefault("type", kind or guessed)
    if "minimum" in values or "maximum" in values:
        values["type"] = "decimal" if values["type"] == "decimal" else "integer"
    return Attribute.model_validate({"name": name, "unique": unique, **values})


def parse_attributes(text: str) -> tuple[Attribute, ...]:
    """Read a list such as ``title, author and an optional year``, each name once."""
    if len(text) > LONGEST_LINE:
        raise ValueError(f"has attributes of {len(text):,} characters, the limit is {LONGEST_LINE:,}")
    if re.fullmatch(r"(?:an? |the )?[a-z ]+ of [^,(]+(?:, [^,(]+)*,? or [^,(]+", text):
        return (parse_attribute(text),)
    found: dict[str, Attribute] = {}
    parts = _parts(text)
    if len(parts) > MOST_ATTRIBUTES:
        raise ValueError(f"has {len(parts)} attributes, the limit is {MOST_ATTRIBUTES}")
    for part in parts:
        if part.strip():
            attribute = parse_attribute(re.sub(r"^\s*and\s+", "", part))
            found.setdefault(attribute.name, attribute)
    return tuple(found.values())


def _parts(text: str) -> list[str]:
    """The text between commas and "and", as long as these do not stand in brackets."""
    cuts, doubtful = list[tuple[int, int]](), list[tuple[int, int]]()
    for match in re.finditer(r",|\s+and\s+|[()]", text):
        if match[0] == "(":
            cuts += doubtful
            doubtful = []
        elif match[0] == ")":
            doubtful = []
        else:
            doubtful.append(match.span())
    parts, begin = [], 0
    for start, end in [*cuts, *doubtful]:
        parts.append(text[begin:start])
        begin = end
    return [*parts, text[begin:]]


def parse_entity(line: str) -> Entity:
    """Read ``Book: title, author, isbn (unique)``.

    Raises:
        ValueError: if the line has no name or an attribute cannot be read.
    """
    name, _, rest = line.partition(":")
    name = entity_name(name)
    try:
        return Entity(name=name, attributes=parse_attributes(rest))
    except ValueError as error:
        raise ValueError(f"entity {name[:_SHOWN]!r}: {error}") from error


def entity_name(text: str) -> str:
    """An entity's name in lower case, letters, digits and spaces.

    Raises:
        ValueError: if there is no Latin letter in it.
    """
    name = " ".join(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", _latin(text).replace("*", "")))
    if not re.match("[a-z]", name):
        raise ValueError(f"no entity name in {text[:_SHOWN]!r}: it needs to start with a letter a-z")
    return name


def resolve_references(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Turn attributes that are named like another entity into references to it.

    The first attribute of an entity that has no required one becomes required: a record needs something to be known by.
    One that the author calls optional stays so, unless all are.
    """
    known = tuple(entities)
    names = {attribute_name(entity.name): entity.name for entity in known}
    result = []
    for entity in known:
        attributes = [
            attribute.model_copy(
                update={
                    "type": "reference",
                    "target": names[attribute.name],
                    # A loan without a book is no loan, unless the author says so.
                    # A task may be part of a task; the first one cannot be.
                    "required": names[attribute.name] != entity.name
                    and (attribute.required or "required" not in attribute.model_fields_set),
                }
            )
            if attribute.name in names and attribute.type in ("text", "reference")
            else attribute
            for attribute in entity.attributes
        ]
        own = [n for n, item in enumerate(attributes) if item.type not in ("reference", "boolean", "tags")]
        open_ = [n for n in own if "required" not in attributes[n].model_fields_set]
        if own and not any(attributes[n].required for n in own):
            first = (open_ or own)[0]
            attributes[first] = attributes[first].model_copy(update={"required": True})
        result.append(entity.model_copy(update={"attributes": tuple(attributes)}))
    return tuple(result)


def _latin(text: str) -> str:
    """Lower case without accents."""
    return unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()


def _options(text: str) -> tuple[str, ...]:
    parts = re.split(r"\s*(?:\||/|,|\bor\b)\s*", text)
    if bad := [part for part in parts if not re.fullmatch(r"[\w .+%&-]*", part)]:
        raise ValueError(
            f"choice {bad[0][:_SHOWN]!r} has a character other than letters, digits, space and .+%&-"
        )
    return tuple(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))
