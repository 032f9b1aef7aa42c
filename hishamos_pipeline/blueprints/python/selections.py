"""Lists of some records alone: what is due, or the first few by a field."""

from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.fields import FieldModel
from hishamos_pipeline.blueprints.reading.ends import ends

# Kinds of operations that ask for one.
SELECTIONS = ("due", "top")


@dataclass(frozen=True, slots=True)
class Selection:
    """A list of what is ``overdue``, due ``today`` or ``this week``, or of the ``5 highest`` or ``3 lowest`` ones.

    Args:
        kind: ``due`` or ``top``.
        value: which of them.
        field: the field that it is about.
        var: the Python name of a record.
        vars: the Python name of several.
        label: a record as people say it.
        labels: several of them.
    """

    kind: str
    value: str
    field: FieldModel
    var: str
    vars: str
    label: str
    labels: str

    @property
    def number(self) -> int:
        """How many records it holds at most; 0 for any number."""
        return int(self.value.split()[0]) if self.kind == "top" else 0

    @property
    def is_descending(self) -> bool:
        """Whether the largest values come first."""
        return self.value.endswith("highest")

    @property
    def takes_today(self) -> bool:
        """Whether what it holds depends on the day."""
        return self.kind == "due"

    @property
    def function(self) -> str:
        """``overdue_loans``, ``loans_due_this_week``, ``highest_5_books_by_price``."""
        if self.kind == "top":
            things = self.var if self.number == 1 else f"{self.number}_{self.vars}"
            return f"{self._end}_{things}_by_{self.field.attribute.name}"
        if self.value == "overdue":
            return f"overdue_{self.vars}"
        return f"{self.vars}_due_{self.value.replace(' ', '_')}"

    @property
    def action(self) -> str:
        """The same as a word of the command line or of an address."""
        if self.kind == "top":
            number = "" if self.number == 1 else f"-{self.number}"
            return f"{self._end}{number}-by-{self.field.attribute.name.replace('_', '-')}"
        return self.shown.replace(" ", "-")

    @property
    def shown(self) -> str:
        """What is so about the records, as people say it."""
        if self.kind == "top":
            number = "one" if self.number == 1 else self.number
            return f"the {number} with the {self._end} {self.field.label}"
        return "overdue" if self.value == "overdue" else f"due {self.value}"

    @property
    def phrase(self) -> str:
        """What it holds, as people say it."""
        if self.kind == "top":
            things = self.label if self.number == 1 else f"{self.number} {self.labels}"
            return f"the {things} with the {self._end} {self.field.label}"
        return f"{self.labels} that are {self.shown}"

    @property
    def are(self) -> str:
        """The verb of it: "the note with the latest date is", "the 3 notes … are"."""
        return "is" if self.number == 1 else "are"

    @property
    def help(self) -> str:
        """What it does, in words."""
        return f"List {self.phrase}"

    @property
    def _end(self) -> str:
        if self.field.type == "date":
            return "latest" if self.is_descending else "earliest"
        return "highest" if self.is_descending else "lowest"


def ended(field: FieldModel) -> tuple[str, ...]:
    """Values of a field, as they are stored, that say that a record is done with; none where it says nothing of it."""
    return ends(field.attribute)


def is_open(field: FieldModel, record: str) -> str:
    """A condition, as Python source, under which a record is not done with as far as a field tells."""
    value = f"{record}.{field.name}"
    if field.type == "choice":
        listed = ", ".join(f'"{choice}"' for choice in ended(field))
        return f"{value} not in ({listed},)"
    return f"{value} is None" if field.type == "date" else f"not {value}"
