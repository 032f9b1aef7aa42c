"""The architect's task: requirements to files, signatures and a data model, by rules."""

from hishamos_pipeline.blueprints.planning.backlog import readings
from hishamos_pipeline.blueprints.python.files import planned_files, source_files
from hishamos_pipeline.blueprints.python.package import build_model
from hishamos_pipeline.blueprints.python.registry import BLUEPRINTS
from hishamos_pipeline.core.artifacts.documents import Architecture, Requirements
from hishamos_pipeline.core.artifacts.idea import Entity
from hishamos_pipeline.core.text.ids import slug
from hishamos_pipeline.stacks.python.layout import COMMANDS, DANGEROUS, LINT, is_taken


def design(requirements: Requirements) -> Architecture:
    """Plan the package for the requirements that the rules can implement."""
    functional = [item for item in requirements.requirements if item.kind == "functional"]
    read = readings({item.id: item.source for item in functional}, requirements.entities)
    used = _used_entities(requirements, [op.entity for item in read.values() for op in item.operations])
    distribution = _distribution(requirements)
    model = build_model(
        title=requirements.title,
        package=distribution.replace("-", "_"),
        distribution=distribution,
        entities=used,
        operations=[operation for item in read.values() for operation in item.operations],
        stack=requirements.stack,
    )
    blueprint = BLUEPRINTS[requirements.stack]
    stack = blueprint.stack
    sources = source_files(
        model,
        summary=requirements.summary,
        author=requirements.author,
        licence=requirements.licence,
    )
    about = {
        entity.name: tuple(
            name
            for name, item in read.items()
            if any(operation.entity == entity.name for operation in item.operations)
        )
        for entity in used
    }
    return Architecture(
        title=requirements.title,
        stack=stack.name,
        distribution=distribution,
        package=model.package,
        summary=requirements.summary,
        licence=requirements.licence,
        author=requirements.author,
        files=planned_files(list(sources.values()) if used else (), about, stack.name),
        data_model=used,
        decisions=blueprint.decisions,
        commands=COMMANDS,
        lint=LINT,
        forbidden=DANGEROUS,
        dependencies=stack.dependencies,
        test_dependencies=stack.test_dependencies,
    )


def _used_entities(requirements: Requirements, names: list[str]) -> tuple[Entity, ...]:
    """The entities that are implemented; a reference to one that is not becomes plain text."""
    used = set(names)
    return tuple(
        entity.model_copy(
            update={
                "attributes": tuple(
                    attribute
                    if not attribute.target or attribute.target in used
                    else attribute.model_copy(update={"type": "text", "target": ""})
                    for attribute in entity.attributes
                )
            }
        )
        for entity in requirements.entities
        if entity.name in used
    )


def _distribution(requirements: Requirements) -> str:
    """What package and command are called; requirements of an earlier release do not say so."""
    name = (requirements.program or slug(requirements.title))[:40].strip("-") or "project"
    package = name.replace("-", "_")
    return f"app-{name}" if is_taken(package) or name[0].isdigit() else name
