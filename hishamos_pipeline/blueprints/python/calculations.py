"""What is worked out of a record's values, as the templates see it."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import add, mul, sub

from hishamos_pipeline.blueprints.python.fields import FieldModel

_SIGNS = {"sum": " + ", "product": " * ", "difference": " - "}
_WORKED_OUT: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "sum": add,
    "product": mul,
    "difference": sub,
    "quotient": lambda first, last: round(first / last, 2),
    "percentage": lambda first, last: round(100 * first / last, 2),
}
_WORDS = {"sum": "plus", "product": "times", "difference": "minus", "quotient": "divided by"}


@dataclass(frozen=True, slots=True)
class Calculation:
    """A sum, difference, product, quotient, percentage or number of days.

    Args:
        value: its name and the way in which it is worked out.
        fields: what it is worked out of.
        var: the Python name of a record.
    """

    value: str
    fields: tuple[FieldModel, ...]
    var: str

    @property
    def name(self) -> str:
        """``profit``."""
        return self.value.split()[0]

    @property
    def way(self) -> str:
        """``difference``."""
        return self.value.split()[1]

    @property
    def label(self) -> str:
        """The name as people say it."""
        return self.name.replace("_", " ")

    @property
    def function(self) -> str:
        """``profit_of_project``."""
        return f"{self.name}_of_{self.var}"

    @property
    def action(self) -> str:
        """The same as a word of the command line or of an address."""
        return self.name.replace("_", "-")

    @property
    def phrase(self) -> str:
        """How it is worked out, as people say it."""
        labels = [field.label for field in self.fields]
        if self.way == "days":
            return f"the days from {labels[0]} to {labels[1]}"
        if self.way == "percentage":
            return f"{labels[0]} in percent of {labels[1]}"
        return f" {_WORDS[self.way]} ".join(labels)

    @property
    def divides(self) -> bool:
        """Whether it is nothing where the last value is 0."""
        return self.way in ("percentage", "quotient")

    @property
    def may_be_zero(self) -> bool:
        """Whether the last value can be 0."""
        bounds = self.fields[-1].attribute
        return (bounds.minimum or 0) <= 0 <= (bounds.maximum or 0)

    @property
    def base(self) -> str:
        """Its type where it is something."""
        if self.way == "days":
            return "int"
        whole = all(field.type == "integer" for field in self.fields) and not self.divides
        return "int" if whole else "Decimal"

    @property
    def annotation(self) -> str:
        """What the function returns."""
        return f"{self.base} | None" if self.nothing_if else self.base

    @property
    def optional(self) -> tuple[FieldModel, ...]:
        """Those of its fields that may have no value."""
        return tuple(field for field in self.fields if field.optional_none)

    @property
    def nothing_if(self) -> str:
        """A condition, as Python source, under which it is nothing; empty where it always is something."""
        found = [f"{self.var}.{field.name} is None" for field in self.optional]
        return " or ".join([*found, f"{self.var}.{self.fields[-1].name} == 0"] if self.divides else found)

    @property
    def source(self) -> str:
        """It as Python source, of a record."""
        names = [f"{self.var}.{field.name}" for field in self.fields]
        if self.way == "days":
            return f"({names[1]} - {names[0]}).days"
        if self.divides:
            factor = "100 * " if self.way == "percentage" else ""
            return f"round({factor}Decimal({names[0]}) / {names[1]}, 2)"
        return _SIGNS[self.way].join(names)

    @property
    def expected(self) -> str:
        """What it is of the samples, as Python source."""
        texts = [field.raw(place) for field, place in self.samples]
        if self.way == "days":
            first, last = map(dt.date.fromisoformat, texts)
            return str((last - first).days)
        found, *others = map(Decimal, texts)
        for other in others:
            found = _WORKED_OUT[self.way](found, other)
        return str(found) if self.base == "int" else f'Decimal("{found}")'

    @property
    def samples(self) -> tuple[tuple[FieldModel, int], ...]:
        """Its fields, each with the number of the sample that it has in tests; they differ where they may."""
        is_ordered = any(field.attribute.after for field in self.fields)
        places = [0 if is_ordered else place % 2 for place in range(len(self.fields))]
        if self.divides and not Decimal(self.fields[-1].raw(places[-1])):
            places[-1] = 0
        return tuple(zip(self.fields, places, strict=True))
