"""Sums and averages of a field, as the templates see them."""

from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.fields import FieldModel

# Kinds of operations that ask for one.
FIGURES = ("total", "average")


@dataclass(frozen=True, slots=True)
class Figure:
    """A sum or an average: of which field, and by which other one it is split."""

    kind: str
    field: FieldModel
    by: FieldModel | None
    vars: str

    @property
    def name(self) -> str:
        """``total_amount``, with ``_by_category`` where it is split."""
        return f"{self.kind}_{self.field.attribute.name}{self._split}"

    @property
    def action(self) -> str:
        """The same as a word of the command line or of an address."""
        return self.name.replace("_", "-")

    @property
    def function(self) -> str:
        """``total_amount_of_expenses``, with ``_by_category`` where it is split."""
        return f"{self.kind}_{self.field.attribute.name}_of_{self.vars}{self._split}"

    @property
    def _split(self) -> str:
        return f"_by_{self.by.attribute.name}" if self.by else ""

    @property
    def type(self) -> str:
        """What it is for one value of the field that it is split by."""
        return self.field.base if self.kind == "total" else "Decimal"

    @property
    def annotation(self) -> str:
        """What the function returns; the average of nothing is none."""
        if self.by:
            return f"dict[{self.by.annotation}, {self.type}]"
        return self.type if self.kind == "total" else "Decimal | None"

    @property
    def help(self) -> str:
        """What it does, in words."""
        by = f" by {self.by.label}" if self.by else ""
        return f"{'Add up' if self.kind == 'total' else 'Average'} the {self.field.label}{by}"
