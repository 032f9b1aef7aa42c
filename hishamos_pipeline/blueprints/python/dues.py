"""Lists of what is due: what they are called, and what is done with and so not among it."""

from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.fields import STATES, FieldModel

# States and dates after which nothing is due any more.
_ENDS = frozenset(
    """returned done completed finished closed paid cancelled canceled resolved archived delivered settled""".split()
)


@dataclass(frozen=True, slots=True)
class DueList:
    """A list of what is ``overdue``, due ``today`` or ``this week``, of records of the Python name ``vars``."""

    value: str
    vars: str

    @property
    def function(self) -> str:
        """``overdue_loans``, ``loans_due_this_week``."""
        if self.value == "overdue":
            return f"overdue_{self.vars}"
        return f"{self.vars}_due_{self.value.replace(' ', '_')}"

    @property
    def action(self) -> str:
        """The same as a word of the command line or of an address."""
        return self.shown.replace(" ", "-")

    @property
    def shown(self) -> str:
        """What the list holds, as people say it."""
        return "overdue" if self.value == "overdue" else f"due {self.value}"


def ended(field: FieldModel) -> tuple[str, ...]:
    """Values of a field, as they are stored, that say that a record is done with; none where it says nothing of it."""
    if field.type == "choice" and field.attribute.name in STATES:
        return tuple(choice for choice in field.attribute.choices if choice in _ENDS)
    first, _, rest = field.attribute.name.partition("_")
    if field.type == "date" and first in _ENDS and rest in ("on", "at", "date") and field.optional_none:
        return ("2026-01-01",)
    return ("1",) if field.type == "boolean" and field.attribute.name in _ENDS else ()


def is_open(field: FieldModel, record: str) -> str:
    """A condition, as Python source, under which a record is not done with as far as a field tells."""
    value = f"{record}.{field.name}"
    if field.type == "choice":
        listed = ", ".join(f'"{choice}"' for choice in ended(field))
        return f"{value} not in ({listed},)"
    return f"{value} is None" if field.type == "date" else f"not {value}"
