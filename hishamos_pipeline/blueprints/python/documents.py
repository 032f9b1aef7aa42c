"""The documents and CI files of a project."""

from graphlib import TopologicalSorter
from types import SimpleNamespace

from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.registry import BLUEPRINTS
from hishamos_pipeline.blueprints.python.rendering import render
from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.artifacts.traceability import circle
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.untrusted import markdown_line


def document(path: str, architecture: Architecture, stories: Stories, model: PackageModel) -> str:
    """One document; text from the brief is shown as text."""
    request = SimpleNamespace(
        title=markdown_line(architecture.title),
        summary=markdown_line(architecture.summary),
        licence=architecture.licence,
        author=architecture.author,
        commands=architecture.commands,
        decisions=architecture.decisions,
        source_files=[file for file in architecture.files if file.kind == "source"],
        planned=[_shown(story.id, story.title, "") for story in stories.planned],
        unchecked=[markdown_line(item) for item in architecture.unchecked],
        deferred=[_shown(story.id, story.title, story.reason) for story in stories.deferred],
        waiting=[_shown(story.id, story.title, "") for story in stories.waiting],
    )
    entities = [_documented(entity, model) for entity in _makeable(model)]
    package = SimpleNamespace(package=model.package, distribution=model.distribution, entities=entities)
    text = render(
        model.stack,
        f"docs/{path.rsplit('/', 1)[-1]}.j2",
        r=request,
        p=package,
        surface=BLUEPRINTS[model.stack].stack.interface,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _makeable(model: PackageModel) -> list[EntityModel]:
    """The entities in the order in which their first records can be made."""
    by_name = {entity.entity.name: entity for entity in model.entities}
    needs = {
        name: {f.attribute.target for f in entity.references if f.required and f.attribute.target != name}
        for name, entity in by_name.items()
    }
    if circle(needs):  # of an edited data model; no order helps then
        return list(model.entities)
    return [by_name[name] for name in TopologicalSorter(needs).static_order() if name in by_name]


def _shown(story_id: str, title: str, reason: str) -> SimpleNamespace:
    return SimpleNamespace(id=story_id, title=markdown_line(title), reason=markdown_line(reason))


def _documented(entity: EntityModel, model: PackageModel) -> SimpleNamespace:
    usage = BLUEPRINTS[model.stack].usage(entity, model)
    return SimpleNamespace(
        labels=entity.labels,
        vars=entity.vars,
        fields=entity.fields,
        given=entity.given,
        editable=entity.editable,
        has=entity.has,
        usage=usage,
        example=usage[0][0],
    )
