"""The package that stories ask for: its entities with what is done with each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Entity
from hishamos_pipeline.core.text import linear_re as re


@dataclass(frozen=True)
class PackageModel:
    """The whole package."""

    title: str
    package: str
    distribution: str
    entities: tuple[EntityModel, ...]
    stack: str

    def entity(self, name: str) -> EntityModel:
        """The model of an entity by its name in the brief."""
        return next(model for model in self.entities if model.entity.name == name)

    @property
    def error(self) -> str:
        """Name of the package's base exception."""
        return "".join(part.capitalize() for part in self.package.split("_")) + "Error"

    @property
    def types(self) -> frozenset[str]:
        """All field types in use."""
        return frozenset(field.type for model in self.entities for field in model.fields)

    @property
    def rules(self) -> frozenset[str]:
        """Names of the rule functions in use."""
        return frozenset(
            match[1]
            for model in self.entities
            for field in model.fields
            if (match := re.match(r"rules\.(\w+)", field.rule))
        ) | frozenset(
            {"require_not_before"}
            if any(field.attribute.after for model in self.entities for field in model.fields)
            else ()
        )

    def any(self, *kinds: str) -> bool:
        """Whether any entity has one of these operations."""
        return any(model.has(*kinds) for model in self.entities)


def build_model(
    *,
    title: str,
    package: str,
    distribution: str,
    entities: Sequence[Entity],
    operations: Iterable[Operation],
    stack: str,
) -> PackageModel:
    """The package model of some entities and of what the stories do with them."""
    done = tuple(operations)
    models = tuple(
        EntityModel(
            entity,
            tuple(dict.fromkeys(item for item in done if item.entity == entity.name)),
            tuple(
                other.name
                for other in entities
                if any(attribute.target == entity.name for attribute in other.attributes)
            ),
        )
        for entity in entities
    )
    return PackageModel(title, package, distribution, models, stack)
