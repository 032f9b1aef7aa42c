"""What is done with all records at once, or with all in a state, as the templates see it."""

from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.fields import FieldModel
from hishamos_pipeline.intake.attributes import attribute_name

# Kinds of operations that ask for it.
BULKS = ("clear", "mark_all")


@dataclass(frozen=True, slots=True)
class Bulk:
    """All records, or those in a state, are deleted (``clear``), or all get a state (``mark_all``).

    Args:
        kind: which of the two.
        field: what holds the state; ``None`` where all are deleted.
        value: the state, as people say it.
        vars: the Python name of several records.
        labels: their name as people say it.
    """

    kind: str
    field: FieldModel | None
    value: str
    vars: str
    labels: str

    @property
    def function(self) -> str:
        """``delete_all_tasks``, ``delete_done_tasks``, ``mark_all_tasks_as_done``."""
        if self.kind == "mark_all":
            return f"mark_all_{self.vars}_as_{attribute_name(self.value)}"
        return f"delete_{attribute_name(self.value) if self.value else 'all'}_{self.vars}"

    @property
    def action(self) -> str:
        """The same as a word of the command line or of an address."""
        if self.kind == "mark_all":
            return f"mark-all-{attribute_name(self.value).replace('_', '-')}"
        return f"delete-{attribute_name(self.value).replace('_', '-') if self.value else 'all'}"

    @property
    def help(self) -> str:
        """What it does, in words."""
        if self.kind == "mark_all":
            return f"Mark all {self.labels} as {self.value}"
        return f"Delete all {self.labels}" + (f" that are {self.value}" if self.value else "")

    @property
    def source(self) -> str:
        """The state as Python source."""
        return "True" if self.field and self.field.type == "boolean" else f'"{self.value}"'

    @property
    def stored(self) -> tuple[str, str]:
        """The state, and another one, as they are stored, as SQL."""
        if self.field is None or self.field.type == "boolean":
            return "1", "0"
        other = next(choice for choice in self.field.attribute.choices if choice != self.value)
        return f"'{self.value}'", f"'{other}'"

    @property
    def is_default(self) -> bool:
        """Whether new records are among those that are deleted."""
        return self.field is None or self.field.default == self.source
