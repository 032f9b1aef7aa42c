"""A brief to which a document is added: what it says is below what was said, and nothing of that is lost."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from hishamos_pipeline.core.artifacts.idea import Entity, Idea, Section
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.attributes import resolve_references

_MOST_FEATURES, _MOST_CONSTRAINTS = 1000, 1000


def extended(idea: Idea, added: Idea) -> Idea:
    """A brief with the sections, features, entities and constraints of another document.

    What the document says of the project itself, such as its key, its budget or its exports, does not count.

    Raises:
        IdeaError: there would be more than a brief may have.
    """
    features, vision = _together(idea.features, added.features), idea.vision
    if added.features and not idea.features:  # what is read from the prose stays so
        features, vision = (), "\n\n".join((idea.vision, *added.features))
    constraints = _together(idea.constraints, added.constraints)
    for name, found, most in (
        ("features", features, _MOST_FEATURES),
        ("constraints", constraints, _MOST_CONSTRAINTS),
    ):
        if len(found) > most:
            problem = f"would have {len(found)} entries, the limit is {most}"
            raise IdeaError(name, problem, "Submit the whole brief again, without what is done with.")
    said = {" ".join(section.text.split()) for section in idea.whole}
    new = (section for section in added.whole if " ".join(section.text.split()) not in said)
    made = idea.model_copy(
        update={
            "sections": (*idea.whole, *_renamed(new, {section.id for section in idea.whole})),
            "features": features,
            "vision": vision,
            "users": _together(idea.users, added.users)[:50],
            "entities": resolve_references(_entities(idea.entities, added.entities)),
            "constraints": constraints,
        }
    )
    try:
        return Idea.model_validate(made.model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise IdeaError(
            where, f"would not do any more: {first['msg']}", "Submit the whole brief again."
        ) from error


def _together(before: Sequence[str], added: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*before, *added]))


def _renamed(sections: Iterable[Section], taken: set[str]) -> tuple[Section, ...]:
    """Sections under ids that nobody has."""
    made = []
    for section in sections:
        name, number = section.id, 1
        while name in taken:
            number += 1
            name = f"{section.id[:50]}-{number}"
        taken.add(name)
        made.append(section.model_copy(update={"id": name}))
    return tuple(made)


def _entities(before: Sequence[Entity], added: Sequence[Entity]) -> tuple[Entity, ...]:
    """Entities with the attributes that are new, or told otherwise now."""
    found = {item.name: item for item in before}
    for item in added:
        old = found.get(item.name)
        attributes = {a.name: a for a in (*(old.attributes if old else ()), *item.attributes)}
        found[item.name] = item.model_copy(update={"attributes": tuple(attributes.values())})
    return tuple(found.values())
