"""How many records may belong to another one, as the templates see it."""

from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.fields import FieldModel
from hishamos_pipeline.blueprints.reading import words


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many records for each record that a field refers to.

    Args:
        field: the reference.
        value: the number; with ``open`` behind it, those that are done with do not count.
        label: one of the records that are counted, as people say it.
        labels: several of them.
    """

    field: FieldModel
    value: str
    label: str
    labels: str

    @property
    def most(self) -> int:
        """The number."""
        return int(self.value.split()[0])

    @property
    def is_open(self) -> bool:
        """Whether those that are done with do not count."""
        return self.value.endswith(" open")

    @property
    def owner(self) -> str:
        """What the records belong to, with its article."""
        return words.with_article(self.field.attribute.target)

    @property
    def shown(self) -> str:
        """The number with what is counted, as people say it."""
        counted = self.label if self.most == 1 else self.labels
        return f"{self.most} open {counted}" if self.is_open else f"{self.most} {counted}"

    @property
    def refusal(self) -> str:
        """What is said where there are that many already."""
        return f"the {self.field.attribute.target} has {self.shown} already, and may not have more"

    @property
    def function(self) -> str:
        """The function that holds records to it."""
        counted = f"{self.most}_open" if self.is_open else str(self.most)
        return f"_require_at_most_{counted}_for_{self.field.attribute.name}"
