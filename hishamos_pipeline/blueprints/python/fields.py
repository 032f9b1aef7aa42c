"""Fields of generated records, and the Python names that entities get."""

from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.ends import STATES
from hishamos_pipeline.core.artifacts.idea import Attribute
from hishamos_pipeline.intake.attributes import attribute_name

_ANNOTATIONS = {
    "text": "str", "email": "str", "url": "str", "choice": "str", "integer": "int",
    "decimal": "Decimal", "date": "dt.date", "boolean": "bool", "reference": "int",
    "tags": "tuple[str, ...]",
}  # fmt: skip
_SAMPLES: dict[str, tuple[str, str]] = {
    "title": ("The Left Hand of Darkness", "A Wizard of Earthsea"),
    "name": ("Ada Lovelace", "Grace Hopper"),
    "author": ("Ursula K. Le Guin", "Octavia E. Butler"),
    "text": ("Buy two tickets", "Call the garage"),
    "isbn": ("978-0-441-47812-5", "978-0-553-38304-1"),
    "phone": ("+49 30 901820", "+44 20 7946 0958"),
    "address": ("12 Harbour Street", "3 Mill Lane"),
    "city": ("Lisbon", "Aarhus"),
    "category": ("travel", "food"),
}
_MODELS_OWN = frozenset(dir(BaseModel)) | {"parameters", "pydantic"}
# A record is in a state from the start; any other choice is unknown until somebody makes it.
# Names that generated modules use for something else.
_TAKEN = frozenset(
    """counter mapping callable iterator run
    action actions add argument arguments change changes command commands connection count counts
    database decimal entry entries error errors field fields file found history history_entry listing
    number parser path record records row rows sample samples stored table tag target text total totals
    update value values wanted date literal first second""".split()
)
SQL_KEYWORDS = frozenset(
    """ADD ALL ALTER AND AS BETWEEN BY CASE CHECK COLLATE COMMIT CONSTRAINT CREATE CROSS CURRENT DEFAULT
    DELETE DESC DISTINCT DROP ELSE END ESCAPE EXISTS FILTER FOREIGN FROM FULL GROUP GROUPS HAVING IN
    INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LEFT LIKE LIMIT MATCH NATURAL NOT NULL OF OFFSET ON
    OR ORDER OUTER OVER PLAN PRIMARY RANGE REFERENCES REPLACE RIGHT ROW ROWS SELECT SET TABLE THEN TO
    TRANSACTION TRIGGER UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHERE WINDOW WITH""".split()
)


@dataclass(frozen=True)
class FieldModel:
    """An attribute as a dataclass field, an SQL column and a command-line option.

    ``owner`` is the Python name of the entity; ``depth`` counts the dates that a date must not precede.
    """

    attribute: Attribute
    owner: str = ""
    depth: int = 0

    @property
    def name(self) -> str:
        """Python name; a reference ends in ``_id``."""
        name = self.attribute.name + ("_id" if self.type == "reference" else "")
        # A task's own number is its task_id already.
        return f"other_{name}" if name == f"{self.owner}_id" else name

    @property
    def type(self) -> str:
        """The attribute's type."""
        return self.attribute.type

    @property
    def label(self) -> str:
        """The name as people say it."""
        return self.attribute.name.replace("_", " ")

    @property
    def option(self) -> str:
        """The command-line option."""
        return "--" + self.attribute.name.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether a new record must be given it."""
        return self.attribute.required and self.type not in ("boolean", "tags")

    @property
    def optional_none(self) -> bool:
        """Whether it may be absent, as ``None``."""
        return not self.required and self.default == "None"

    @property
    def default(self) -> str:
        """The default as Python source; empty where there is none."""
        if self.required:
            return ""
        if self.type == "choice" and self.attribute.name in STATES:
            return f'"{self.attribute.choices[0]}"'
        return {"boolean": "False", "tags": "()"}.get(self.type, "None")

    @property
    def base(self) -> str:
        """The annotation without ``None``."""
        return _ANNOTATIONS[self.type]

    @property
    def annotation(self) -> str:
        """The annotation."""
        return f"{self.base} | None" if self.optional_none else self.base

    @property
    def parameter(self) -> str:
        """As a keyword parameter."""
        return f"{self.name}: {self.annotation}" + (f" = {self.default}" if self.default else "")

    @property
    def constant(self) -> str:
        """Name of the constant that lists the choices."""
        return words.plural(self.label).upper().replace(" ", "_")

    @property
    def column(self) -> str:
        """Column name, quoted where SQL has a keyword of that name."""
        return f'"{self.name}"' if self.name.upper() in SQL_KEYWORDS else self.name

    @property
    def sql(self) -> str:
        """Column definition."""
        kind = "INTEGER" if self.type in ("integer", "boolean", "reference") else "TEXT"
        parts = [self.column, kind]
        if not self.optional_none:
            parts.append("NOT NULL")
        if self.attribute.unique:
            parts.append("UNIQUE")
        if self.type == "reference":
            parts.append(f"REFERENCES {table(self.attribute.target)} (id)")
        return " ".join(parts)

    @property
    def sqlalchemy(self) -> str:
        """Column type of an SQLAlchemy table."""
        if self.type == "reference":
            return f'ForeignKey("{table(self.attribute.target)}.id")'
        kinds = {"integer": "Integer", "boolean": "Boolean", "date": "Date", "tags": "JSON"}
        return kinds.get(self.type, "String")

    @property
    def to_column(self) -> str:
        """Expression that turns a value ``@`` into what SQLAlchemy stores; decimals stay exact as text."""
        return self._unless_none({"decimal": "str(@)", "tags": "list(@)"}.get(self.type, "@"))

    @property
    def from_column(self) -> str:
        """Expression that turns what SQLAlchemy returns back."""
        return self._unless_none({"decimal": "Decimal(@)", "tags": "tuple(@)"}.get(self.type, "@"))

    @property
    def body_base(self) -> str:
        """The annotation in a request's body, without ``None``."""
        own = {
            "decimal": "parameters.Amount",
            "integer": "parameters.Integer",
            "reference": "parameters.Integer",
            "tags": "parameters.Tags",
        }
        return own.get(self.type, self.base)

    @property
    def body(self) -> str:
        """The annotation in a request's body."""
        return f"{self.body_base} | None" if self.optional_none else self.body_base

    @property
    def body_name(self) -> str:
        """Name in a request's model; what pydantic or the module needs itself gets an underscore."""
        return f"{self.name}_" if self.name in _MODELS_OWN else self.name

    def in_body(self, annotation: str, default: str) -> str:
        """The line of a request's model; ``default`` is empty where there is none."""
        if self.body_name == self.name:
            return f"{self.name}: {annotation}" + (f" = {default}" if default else "")
        given = f"{default}, " if default else ""
        return f'{self.body_name}: {annotation} = pydantic.Field({given}alias="{self.name}")'

    @property
    def placeholder(self) -> str:
        """A default that says only that the value may be left out, as Python source."""
        if self.optional_none:
            return "None"
        kinds = {"integer": "0", "reference": "0", "decimal": "Decimal(0)", "date": "dt.date.min"}
        return {**kinds, "boolean": "False", "tags": "()"}.get(self.type, '""')

    @property
    def to_sql(self) -> str:
        """Expression that turns ``{record}.name`` into a column value; ``@`` is the value."""
        convert = {
            "decimal": "str(@)", "date": "@.isoformat()", "boolean": "int(@)",
            "tags": "json.dumps(@)",
        }.get(self.type, "@")  # fmt: skip
        return self._unless_none(convert)

    @property
    def from_sql(self) -> str:
        """Expression that turns a column value ``@`` back."""
        convert = {
            "decimal": "Decimal(@)", "date": "dt.date.fromisoformat(@)", "boolean": "bool(@)",
            "tags": "tuple(json.loads(@))",
        }.get(self.type, "@")  # fmt: skip
        return self._unless_none(convert)

    def _unless_none(self, convert: str) -> str:
        """A conversion of ``@`` that leaves a missing value alone."""
        if self.optional_none and convert != "@":
            return f"None if @ is None else {convert}"
        return convert

    @property
    def parser(self) -> str:
        """Function of the ``values`` module that reads a typed value; empty for plain text."""
        return {
            "integer": "parse_integer", "reference": "parse_integer", "decimal": "parse_decimal",
            "date": "parse_date", "boolean": "parse_boolean", "tags": "parse_tags",
        }.get(self.type, "")  # fmt: skip

    def from_text(self, text: str) -> str:
        """Python source that turns a text, given as source, into the field's value."""
        if not self.parser:
            return f"{text} or None" if self.optional_none else text
        if self.optional_none:
            return f'values.optional(values.{self.parser}, "{self.label}", {text})'
        return f'values.{self.parser}("{self.label}", {text})'

    @property
    def text_default(self) -> str:
        """What a missing option counts as, as Python source."""
        if self.type == "choice" and self.default not in ("", "None"):
            return self.default
        return {"boolean": '"no"', "tags": '""'}.get(self.type, "None")

    @property
    def factory_default(self) -> str:
        """A value for tests, as Python source; a new one each time where it has to be unique."""
        if not self.attribute.unique:
            return self.sample()
        return {
            "email": 'f"person{next(_NUMBERS)}@example.org"',
            "url": 'f"https://example.org/{next(_NUMBERS)}"',
            "integer": f"{self.attribute.minimum or 0} + next(_NUMBERS)",
        }.get(self.type, f'f"{self.label} {{next(_NUMBERS)}}"')

    @property
    def broken(self) -> tuple[str, str]:
        """A value that the field's rule refuses: as Python source and as typed; empty if it has none."""
        if self.type == "choice":
            return '"nonsense"', "nonsense"
        if self.type in ("email", "url"):
            return '"not valid"', "not valid"
        if self.type in ("integer", "decimal"):
            low, high = self.attribute.minimum, self.attribute.maximum
            value = low - 1 if low is not None else high + 1 if high is not None else None
            if value is not None:
                return (f"Decimal({value})" if self.type == "decimal" else str(value)), str(value)
        if self.type == "text" and self.required:
            return '"   "', "   "
        return "", ""

    @property
    def rule(self) -> str:
        """A call that checks the value, with ``@`` for it; empty where the type says it all."""
        name, bounds = f'"{self.attribute.name}", @', self.attribute
        if self.type == "choice":
            return f"rules.require_choice({name}, {self.constant})"
        if self.type in ("email", "url"):
            return f"rules.require_{self.type}({name})"
        if self.type in ("integer", "decimal") and not (bounds.minimum is bounds.maximum is None):
            limits = ", ".join(
                f"{side}={value}"
                for side, value in (("minimum", bounds.minimum), ("maximum", bounds.maximum))
                if value is not None
            )
            return f"rules.require_range({name}, {limits})"
        if self.type == "text" and self.required:
            return f"rules.require_text({name})"
        return ""

    @property
    def summary(self) -> str:
        """What is said of it in docstrings and documentation."""
        facts = [
            self.type
            if self.type != "reference"
            else f"number of {words.with_article(self.attribute.target)}"
        ]
        if self.type == "choice":
            facts = ["one of " + ", ".join(self.attribute.choices)]
            if self.default not in ("", "None"):
                facts.append(f"at first {self.attribute.choices[0]}")
        elif self.type == "date":
            facts = ["date, YYYY-MM-DD"]
        if self.required:
            facts.append("required")
        if self.attribute.unique:
            facts.append("unique")
        if self.attribute.minimum is not None:
            facts.append(f"at least {self.attribute.minimum}")
        if self.attribute.maximum is not None:
            facts.append(f"at most {self.attribute.maximum}")
        if self.attribute.after:
            facts.append(f"not before {self.attribute.after.replace('_', ' ')}")
        return ", ".join(facts)

    @property
    def help(self) -> str:
        """The summary for argparse, which reads percent signs."""
        return self.summary.replace("%", "%%")

    def raw(self, index: int = 0) -> str:
        """A sample value as somebody would type it; index 0 and 1 differ."""
        low = self.attribute.minimum
        if self.type == "choice":
            choices = self.attribute.choices
            return choices[index % len(choices)]
        if self.type in ("integer", "decimal"):
            start = low if low is not None else (2019 if self.attribute.name.endswith("year") else 12)
            value = start + index * 7
            if self.attribute.maximum is not None:
                value = min(value, self.attribute.maximum - 1 + index)
            return (
                str(value) if self.type == "integer" else f"{value}.50" if _room(self, value) else str(value)
            )
        if self.type == "date":
            return f"2026-{self.depth + 1:02d}-{2 + 14 * index:02d}"
        return {
            "boolean": ("no", "yes")[index],
            "email": ("ada@example.org", "grace@example.org")[index],
            "url": ("https://example.org/one", "https://example.org/two")[index],
            "reference": str(index + 1),
            "tags": ("classic", "new, signed")[index],
        }.get(self.type) or self._text(index)

    def sample(self, index: int = 0) -> str:
        """The same sample as Python source."""
        raw = self.raw(index)
        if self.type in ("integer", "reference"):
            return raw
        if self.type == "decimal":
            return f'Decimal("{Decimal(raw)}")'
        if self.type == "date":
            year, month, day = (int(part) for part in raw.split("-"))
            return f"dt.date({year}, {month}, {day})"
        if self.type == "boolean":
            return str(raw == "yes")
        if self.type == "tags":
            inner = ", ".join(f'"{part.strip()}"' for part in raw.split(","))
            return f"({inner},)" if "," not in raw else f"({inner})"
        return f'"{raw}"'

    def json(self, index: int = 0) -> str:
        """The same sample as it is in JSON, as Python source."""
        raw = self.raw(index)
        if self.type in ("integer", "reference"):
            return raw
        if self.type == "boolean":
            return str(raw == "yes")
        if self.type == "tags":
            return "[" + ", ".join(f'"{part.strip()}"' for part in raw.split(",")) + "]"
        return f'"{raw}"'

    def shown(self, index: int = 0) -> str:
        """The same sample as the program prints it."""
        return self.raw(index)

    def _text(self, index: int) -> str:
        last = self.attribute.name.rsplit("_", 1)[-1]
        if self.attribute.name == "name" and self.owner.rsplit("_", 1)[-1] not in words.PEOPLE:
            return f"{('First', 'Second')[index]} {self.owner.replace('_', ' ')}"
        known = _SAMPLES.get(self.attribute.name) or _SAMPLES.get(last)
        return known[index] if known else f"{('First', 'Second')[index]} {self.label}"


def table(entity: str) -> str:
    """The SQL table and plural Python name of an entity; "series" gets one that differs."""
    name = attribute_name(words.plural(entity))
    return name if name != variable(entity) else f"{name}_records"


def variable(entity: str) -> str:
    """The Python name of one record; a name that generated code needs itself gets a suffix."""
    name = attribute_name(entity)
    return f"{name}_item" if name in _TAKEN else name


def _room(field: FieldModel, value: int) -> bool:
    return field.attribute.maximum is None or value < field.attribute.maximum
